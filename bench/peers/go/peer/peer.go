// Package peer is what the peers in Go have in common: their arguments, and how they say where they listen.
package peer

import (
	"crypto/tls"
	"flag"
	"fmt"
	"log"
	"net"
)

// Listen opens a free port of this machine and says which. The configuration is nil where no certificate was given.
func Listen() (net.Listener, *tls.Config) {
	certificate := flag.String("certificate", "", "the certificate's file; without it, cleartext")
	key := flag.String("key", "", "the key's file")
	flag.Parse()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("listening on port %d\n", listener.Addr().(*net.TCPAddr).Port)
	if *certificate == "" {
		return listener, nil
	}
	pair, err := tls.LoadX509KeyPair(*certificate, *key)
	if err != nil {
		log.Fatal(err)
	}
	return listener, &tls.Config{Certificates: []tls.Certificate{pair}, NextProtos: []string{"h2"}}
}
