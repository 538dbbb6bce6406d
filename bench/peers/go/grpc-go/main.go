// grpc-go with its defaults, and no interceptors.
package main

import (
	"context"
	"errors"
	"io"
	"log"
	"strings"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"

	benchv1 "portico/bench/gen/bench/v1"
	namev1 "portico/bench/gen/name/v1"
	"portico/bench/peer"
)

type names struct {
	namev1.UnimplementedNameServiceServer
}

func (names) ProcessName(_ context.Context, request *namev1.ProcessNameRequest) (*namev1.ProcessNameResponse, error) {
	return &namev1.ProcessNameResponse{Name: strings.ToUpper(request.GetName())}, nil
}

func (names) ProcessNames(stream namev1.NameService_ProcessNamesServer) error {
	for {
		request, err := stream.Recv()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		if err := stream.Send(&namev1.ProcessNamesResponse{Name: strings.ToUpper(request.GetName())}); err != nil {
			return err
		}
	}
}

type repeats struct {
	benchv1.UnimplementedRepeatServiceServer
}

func (repeats) Repeat(request *benchv1.RepeatRequest, stream benchv1.RepeatService_RepeatServer) error {
	for range request.GetCount() {
		if err := stream.Send(&benchv1.RepeatResponse{Name: request.GetName()}); err != nil {
			return err
		}
	}
	return nil
}

func main() {
	listener, tls := peer.Listen()
	var options []grpc.ServerOption
	if tls != nil {
		options = append(options, grpc.Creds(credentials.NewTLS(tls)))
	}
	server := grpc.NewServer(options...)
	namev1.RegisterNameServiceServer(server, names{})
	benchv1.RegisterRepeatServiceServer(server, repeats{})
	log.Fatal(server.Serve(listener))
}
