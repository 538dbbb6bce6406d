// connect-go with its defaults on net/http, and no interceptors.
package main

import (
	"context"
	"errors"
	"io"
	"log"
	"net/http"
	"strings"

	"connectrpc.com/connect"

	benchv1 "portico/bench/gen/bench/v1"
	"portico/bench/gen/bench/v1/benchv1connect"
	namev1 "portico/bench/gen/name/v1"
	"portico/bench/gen/name/v1/namev1connect"
	"portico/bench/peer"
)

type names struct{}

func (names) ProcessName(
	_ context.Context,
	request *connect.Request[namev1.ProcessNameRequest],
) (*connect.Response[namev1.ProcessNameResponse], error) {
	return connect.NewResponse(&namev1.ProcessNameResponse{Name: strings.ToUpper(request.Msg.GetName())}), nil
}

func (names) ProcessNames(
	_ context.Context,
	stream *connect.BidiStream[namev1.ProcessNamesRequest, namev1.ProcessNamesResponse],
) error {
	for {
		request, err := stream.Receive()
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

type repeats struct{}

func (repeats) Repeat(
	_ context.Context,
	request *connect.Request[benchv1.RepeatRequest],
	stream *connect.ServerStream[benchv1.RepeatResponse],
) error {
	for range request.Msg.GetCount() {
		if err := stream.Send(&benchv1.RepeatResponse{Name: request.Msg.GetName()}); err != nil {
			return err
		}
	}
	return nil
}

func main() {
	listener, tls := peer.Listen()
	mux := http.NewServeMux()
	mux.Handle(namev1connect.NewNameServiceHandler(names{}))
	mux.Handle(benchv1connect.NewRepeatServiceHandler(repeats{}))
	protocols := new(http.Protocols)
	protocols.SetHTTP1(true)
	protocols.SetHTTP2(true)
	protocols.SetUnencryptedHTTP2(true)
	server := &http.Server{Handler: mux, Protocols: protocols, TLSConfig: tls}
	if tls != nil {
		log.Fatal(server.ServeTLS(listener, "", ""))
	}
	log.Fatal(server.Serve(listener))
}
