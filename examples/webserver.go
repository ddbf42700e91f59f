// Takes the events of tetherd: prints each of them once, then acknowledges it.
// go run examples/webserver.go [PORT] [FILE]    FILE remembers over restarts what was seen.
package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"log"
	"net"
	"os"
	"sync"
)

var (
	port, file = "7100", ""
	seen       = map[string]int64{}
	lock       sync.Mutex // for seen, which all links share
)

func main() {
	if len(os.Args) > 1 {
		port = os.Args[1]
	}
	if len(os.Args) > 2 {
		file = os.Args[2]
		if text, err := os.ReadFile(file); err == nil {
			check(json.Unmarshal(text, &seen))
		}
	}
	listener, err := net.Listen("tcp", "127.0.0.1:"+port)
	check(err)
	log.Printf("listening on %v", listener.Addr())
	for {
		link, err := listener.Accept()
		check(err)
		go serve(link)
	}
}

func serve(link net.Conn) {
	defer link.Close()
	gateway, ack, reader := "", int64(0), bufio.NewReaderSize(link, 65536)
	for {
		line, err := reader.ReadBytes('\n') // waits for the end of the line
		if err != nil {
			return
		}
		var message struct {
			Hello, Gateway string
			Offset         int64
		}
		if err := json.Unmarshal(line, &message); err != nil {
			log.Printf("link broken: %v", err)
			return
		}
		if message.Hello != "" {
			gateway = message.Gateway
		}
		if message.Offset == 0 {
			log.Printf("%s", line)
		} else {
			ack = message.Offset
			take(gateway, ack, line)
		}
		held, _ := reader.Peek(reader.Buffered())
		if ack > 0 && !bytes.Contains(held, []byte("\n")) { // all whole lines are done
			save()
			fmt.Fprintf(link, "{\"ack\":%d}\n", ack)
			ack = 0
		}
	}
}

func take(gateway string, offset int64, line []byte) {
	lock.Lock()
	defer lock.Unlock()
	if offset > seen[gateway] { // otherwise it was sent again after a broken link
		fmt.Printf("%s", line) // here: do your work, and store offset and result in one transaction
		seen[gateway] = offset
	}
}

func save() {
	if file == "" {
		return
	}
	lock.Lock()
	defer lock.Unlock()
	text, err := json.Marshal(seen)
	check(err)
	check(os.WriteFile(file+".new", text, 0o644))
	check(os.Rename(file+".new", file))
}

func check(err error) {
	if err != nil {
		log.Fatal(err)
	}
}
