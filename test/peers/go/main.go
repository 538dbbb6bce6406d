// Calls the service of test/peers by grpc-go, and prints a line of JSON for each thing that it tried.
//
// Messages are bytes made by hand: field 1, a string.
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/encoding/gzip"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/encoding/protowire"
)

const (
	processName    = "/name.v1.NameService/ProcessName"
	processNames   = "/name.v1.NameService/ProcessNames"
	sayHelloToEach = "/greeter.v1.GreeterService/SayHelloToEach"
)

type rawCodec struct{}

func (rawCodec) Marshal(v any) ([]byte, error) { return v.([]byte), nil }
func (rawCodec) Unmarshal(data []byte, v any) error {
	*v.(*[]byte) = append([]byte(nil), data...)
	return nil
}
func (rawCodec) Name() string { return "proto" }

func message(texts ...string) []byte {
	var out []byte
	for _, text := range texts {
		out = protowire.AppendString(protowire.AppendTag(out, 1, protowire.BytesType), text)
	}
	return out
}

func textOf(data []byte) string {
	_, _, n := protowire.ConsumeTag(data)
	if n < 0 {
		return ""
	}
	text, _ := protowire.ConsumeString(data[n:])
	return text
}

func main() {
	conn, err := grpc.NewClient("passthrough:///"+os.Args[1], grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithDefaultCallOptions(grpc.ForceCodec(rawCodec{})))
	if err != nil {
		panic(err)
	}
	defer conn.Close()
	unary := func(ctx context.Context, text string, options ...grpc.CallOption) (string, error) {
		var answer []byte
		err := conn.Invoke(ctx, processName, message(text), &answer, options...)
		return textOf(answer), err
	}
	stream := func(ctx context.Context, path string) (grpc.ClientStream, error) {
		return conn.NewStream(ctx, &grpc.StreamDesc{ClientStreams: true, ServerStreams: true}, path)
	}

	try("unary", func(ctx context.Context) error {
		return expect(unary(ctx, "ada"))("ADA")
	})
	try("server stream", func(ctx context.Context) error {
		names := make([]string, 1000)
		for at := range names {
			names[at] = fmt.Sprint(at)
		}
		call, err := stream(ctx, sayHelloToEach)
		if err != nil {
			return err
		}
		if err := call.SendMsg(message(names...)); err != nil {
			return err
		}
		call.CloseSend()
		for _, name := range names {
			var answer []byte
			if err := call.RecvMsg(&answer); err != nil {
				return err
			}
			if textOf(answer) != name {
				return fmt.Errorf("%q instead of %q", textOf(answer), name)
			}
		}
		var none []byte
		if err := call.RecvMsg(&none); err != io.EOF {
			return fmt.Errorf("%v instead of the end", err)
		}
		return nil
	})
	try("bidi stream", func(ctx context.Context) error {
		call, err := stream(ctx, processNames)
		if err != nil {
			return err
		}
		for at := 0; at < 100; at++ {
			text := fmt.Sprintf("name %d", at)
			if err := call.SendMsg(message(text)); err != nil {
				return err
			}
			var answer []byte
			if err := expect("", call.RecvMsg(&answer))(""); err != nil {
				return err
			}
			if textOf(answer) != strings.ToUpper(text) {
				return fmt.Errorf("%q", textOf(answer))
			}
		}
		call.CloseSend()
		var none []byte
		if err := call.RecvMsg(&none); err != io.EOF {
			return fmt.Errorf("%v instead of the end", err)
		}
		return nil
	})
	try("error", func(ctx context.Context) error {
		_, err := unary(ctx, "fail")
		failure := status.Convert(err)
		if failure.Code() != codes.NotFound || failure.Message() != "naïve: 100%" || len(failure.Proto().GetDetails()) != 1 {
			return fmt.Errorf("%v", failure)
		}
		return nil
	})
	try("unknown method", func(ctx context.Context) error {
		var answer []byte
		return expectCode(conn.Invoke(ctx, "/no.such.Service/Method", message(), &answer), codes.Unimplemented)
	})
	try("deadline", func(ctx context.Context) error {
		limited, cancel := context.WithTimeout(ctx, 200*time.Millisecond)
		defer cancel()
		_, err := unary(limited, "hang")
		return expectCode(err, codes.DeadlineExceeded)
	})
	try("cancellation", func(ctx context.Context) error {
		limited, cancel := context.WithCancel(metadata.AppendToOutgoingContext(ctx, "x-request-id", "cancelled-by-peer"))
		time.AfterFunc(200*time.Millisecond, cancel)
		_, err := unary(limited, "hang")
		return expectCode(err, codes.Canceled)
	})
	try("metadata and trailers", func(ctx context.Context) error {
		var header, trailer metadata.MD
		out := metadata.AppendToOutgoingContext(ctx, "x-of-the-caller", "go")
		if _, err := unary(out, "ada", grpc.Header(&header), grpc.Trailer(&trailer)); err != nil {
			return err
		}
		got := fmt.Sprint(header.Get("x-answer-header"), []byte(strings.Join(trailer.Get("x-answer-trailer-bin"), "")))
		if got != "[go] [0 1 2 255]" {
			return fmt.Errorf("%s", got)
		}
		return nil
	})
	try("1 MiB both ways", func(ctx context.Context) error {
		return expect(unary(ctx, strings.Repeat("x", 1<<20)))(strings.Repeat("X", 1<<20))
	})
	try("gzip", func(ctx context.Context) error {
		return expect(unary(ctx, strings.Repeat("x", 1<<20), grpc.UseCompressor(gzip.Name)))(strings.Repeat("X", 1<<20))
	})
	try("1,000 calls, 50 at a time", func(ctx context.Context) error {
		var group sync.WaitGroup
		failures := make(chan error, 1000)
		for range 50 {
			group.Add(1)
			go func() {
				defer group.Done()
				for range 20 {
					if err := expect(unary(ctx, "ada"))("ADA"); err != nil {
						failures <- err
					}
				}
			}()
		}
		group.Wait()
		if len(failures) > 0 {
			return fmt.Errorf("%d failed: %w", len(failures), <-failures)
		}
		return nil
	})
}

func expect(got string, err error) func(string) error {
	return func(wanted string) error {
		if err == nil && got != wanted {
			return fmt.Errorf("an answer of %d bytes that is another", len(got))
		}
		return err
	}
}

func expectCode(err error, code codes.Code) error {
	if status.Code(err) != code {
		return fmt.Errorf("%v instead of %v", err, code)
	}
	return nil
}

func try(name string, work func(context.Context) error) {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	outcome := "ok"
	if err := work(ctx); err != nil {
		outcome = err.Error()
	}
	line, _ := json.Marshal(map[string]string{"name": name, "outcome": outcome})
	fmt.Println(string(line))
}
