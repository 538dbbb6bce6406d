// Speaks MongoDB's protocol for tests: FerretDB on SQLite. It prints its URL when it listens, and ends on SIGTERM or when
// its standard input closes, as it does once the test is gone.
//
// There is no mode in memory: it has one connection to SQLite, so that an open cursor would block every write for good.
package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"net/url"
	"os"
	"os/signal"
	"syscall"

	"github.com/FerretDB/FerretDB/ferretdb"
)

func main() {
	port := flag.Int("port", 0, "port of 127.0.0.1 to listen on; 0 is a free one")
	folder := flag.String("folder", "", "existing folder that the data is kept in")
	flag.Parse()

	// A process may be killed here, but the machine stays up: there is no need to wait for the disk.
	pragma := url.Values{"_pragma": {"synchronous(off)"}}
	data := url.URL{Scheme: "file", Path: *folder + "/", RawQuery: pragma.Encode()}
	// Embedded, it has no telemetry that could be on.
	server, err := ferretdb.New(&ferretdb.Config{
		Listener:  ferretdb.ListenerConfig{TCP: fmt.Sprintf("127.0.0.1:%d", *port)},
		Logger:    slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelError})),
		Handler:   "sqlite",
		SQLiteURL: data.String(),
	})
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	fmt.Println(server.MongoDBURI())

	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, os.Interrupt)
	go func() {
		_, _ = io.Copy(io.Discard, os.Stdin)
		stop()
	}()
	// It would give clients three seconds to leave. What they were told is written is in SQLite's files.
	go server.Run(ctx)
	<-ctx.Done()
}
