// A gateway as one writes it in Go: a goroutine and a bufio.Reader for each device, a channel to one
// goroutine that writes to the web server by encoding/json and flushes when nothing more waits, and one
// that reads acknowledgements. Nothing is stored, limited or sent twice; while the web server is away it
// connects again every second, and what is written meanwhile is lost. A device that does not say who it
// is first is hung up on, and a line that is not whole when it leaves is lost.
//
//	go build -o PROGRAM . && PROGRAM --web HOST:PORT    says `listening 127.0.0.1:PORT` once it serves
package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"log"
	"net"
	"regexp"
	"sync/atomic"
	"syscall"
	"time"
)

const (
	moment  = "2006-01-02T15:04:05.000Z"
	retry   = time.Second
	waiting = 1024 // events that may wait for the writer before devices do
)

var registration = regexp.MustCompile(`^ETUNG:([0-9]{15})\n$`)

func main() {
	web := flag.String("web", "", "address of the web server")
	flag.Parse()
	g := &gateway{events: make(chan event, waiting), offset: time.Now().UnixMicro()}
	g.session.Store(time.Now().UnixMicro())
	link, err := net.Dial("tcp", *web)
	check(err)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	check(err)
	go g.accept(listener)
	fmt.Printf("listening %v\n", listener.Addr())
	for {
		log.Printf("web server: %v", g.write(link))
		for link, err = net.Dial("tcp", *web); err != nil; link, err = net.Dial("tcp", *web) {
			time.Sleep(retry)
		}
	}
}

func check(err error) {
	if err != nil {
		log.Fatal(err)
	}
}

type gateway struct {
	events       chan event
	offset       int64 // of the next event
	session      atomic.Int64
	connections  atomic.Int64
	acknowledged atomic.Int64
}

// The writer gives events their numbers, in the order in which it takes them.
type event interface {
	taken(offset, connections int64)
}

type hello struct {
	Hello    string `json:"hello"`
	Protocol int    `json:"protocol"`
	Gateway  string `json:"gateway"`
	Spool    string `json:"spool"`
	Next     int64  `json:"next"`
}

type head struct {
	Offset  int64  `json:"offset"`
	Event   string `json:"event"`
	Imei    string `json:"imei"`
	Session string `json:"session"`
}

type online struct {
	head
	Time        string `json:"time"`
	Peer        string `json:"peer"`
	Connections int64  `json:"connections"`
}

type data struct {
	head
	Seq         int64  `json:"seq"`
	Time        string `json:"time"`
	Peer        string `json:"peer"`
	Connections int64  `json:"connections"`
	Data        []byte `json:"data"`
}

type offline struct {
	head
	Time        string `json:"time"`
	Reason      string `json:"reason"`
	Received    int64  `json:"received_bytes"`
	Sent        int64  `json:"sent_bytes"`
	Connections int64  `json:"connections"`
}

func (e *online) taken(offset, connections int64)  { e.Offset, e.Connections = offset, connections }
func (e *data) taken(offset, connections int64)    { e.Offset, e.Connections = offset, connections }
func (e *offline) taken(offset, connections int64) { e.Offset, e.Connections = offset, connections }

// write passes events on until the link breaks.
func (g *gateway) write(link net.Conn) error {
	defer link.Close()
	go g.acknowledge(link)
	out := bufio.NewWriterSize(link, 65536)
	encoder := json.NewEncoder(out)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(hello{"tetherd", 1, "go", "none", g.offset}); err != nil {
		return err
	}
	if err := out.Flush(); err != nil {
		return err
	}
	for event := range g.events {
		event.taken(g.offset, g.connections.Load())
		g.offset++
		if err := encoder.Encode(event); err != nil {
			return err
		}
		if len(g.events) > 0 {
			continue
		}
		if err := out.Flush(); err != nil {
			return err
		}
	}
	return nil
}

// acknowledge reads how far the web server has come, until the link breaks.
func (g *gateway) acknowledge(link net.Conn) {
	defer link.Close()
	decoder := json.NewDecoder(link)
	for {
		var line struct{ Ack int64 }
		if err := decoder.Decode(&line); err != nil {
			return
		}
		if line.Ack > g.acknowledged.Load() {
			g.acknowledged.Store(line.Ack)
		}
	}
}

func (g *gateway) accept(listener net.Listener) {
	for {
		device, err := listener.Accept()
		check(err)
		g.connections.Add(1)
		go g.serve(device)
	}
}

func (g *gateway) serve(device net.Conn) {
	reader := bufio.NewReader(device)
	head := head{Session: fmt.Sprintf("%016x", g.session.Add(1))}
	peer := device.RemoteAddr().String()
	line, err := reader.ReadSlice('\n') // no longer than the reader's buffer
	match := registration.FindSubmatch(line)
	if err != nil || match == nil {
		device.Close()
		g.connections.Add(-1)
		return
	}
	received := int64(len(line))
	head.Imei = string(match[1])
	head.Event = "online"
	g.events <- &online{head: head, Time: now(), Peer: peer}
	head.Event = "data"
	for seq := int64(1); ; seq++ {
		line, err = reader.ReadBytes('\n')
		received += int64(len(line))
		if err != nil {
			break
		}
		g.events <- &data{head: head, Seq: seq, Time: now(), Peer: peer, Data: line[:len(line)-1]}
	}
	device.Close()
	g.connections.Add(-1)
	head.Event = "offline"
	g.events <- &offline{head: head, Time: now(), Reason: reason(err), Received: received}
}

func now() string {
	return time.Now().UTC().Format(moment)
}

func reason(err error) string {
	switch {
	case errors.Is(err, syscall.ECONNRESET):
		return "reset"
	case errors.Is(err, syscall.ETIMEDOUT):
		return "timed_out"
	default:
		return "peer_closed"
	}
}
