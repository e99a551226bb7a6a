package ship

import (
	"io"
	"net"
	"sync"
	"testing"
	"time"
)

// proxy stands between a sink and a store and can make an exchange fail in ways that a store alone
// cannot.
type proxy struct {
	l  net.Listener
	to string

	mu    sync.Mutex
	plan  plan
	after int // bytes that the client may send before the plan begins
	held  []func()
	conns map[net.Conn]bool
	wg    sync.WaitGroup
	acted int
}

// plan is what happens to the next exchange.
type plan int

const (
	pass     plan = iota
	loseAck       // everything reaches the store, its answer does not reach the client
	cutOff        // both sides are cut once the client has sent so much
	holdBack      // what the client sends from there on reaches the store only at release
)

func newProxy(t testing.TB, to string) *proxy {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p := &proxy{l: l, to: to, conns: map[net.Conn]bool{}}
	p.wg.Add(1)
	go p.serve()
	t.Cleanup(p.close)
	return p
}

func (p *proxy) addr() string { return p.l.Addr().String() }

// next sets what happens once, after the client has sent that many bytes from now on.
func (p *proxy) next(what plan, after int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.plan, p.after = what, after
}

// release delivers what was held back.
func (p *proxy) release() {
	p.mu.Lock()
	held := p.held
	p.held = nil
	p.mu.Unlock()
	for _, f := range held {
		f()
	}
}

// times is how often a plan was carried out.
func (p *proxy) times() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.acted
}

func (p *proxy) close() {
	p.l.Close()
	p.release()
	p.mu.Lock()
	for c := range p.conns {
		c.Close()
	}
	p.mu.Unlock()
	p.wg.Wait()
}

func (p *proxy) keep(c net.Conn) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.conns[c] = true
}

func (p *proxy) drop(c net.Conn) {
	c.Close()
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.conns, c)
}

func (p *proxy) serve() {
	defer p.wg.Done()
	for {
		client, err := p.l.Accept()
		if err != nil {
			return
		}
		server, err := net.Dial("tcp", p.to)
		if err != nil {
			client.Close()
			continue
		}
		p.keep(client)
		p.keep(server)
		c := &exchange{p: p, client: client, server: server}
		p.wg.Add(2)
		go c.up()
		go c.down()
	}
}

type exchange struct {
	p              *proxy
	client, server net.Conn

	mu    sync.Mutex
	deaf  bool // the next answer ends the client's connection
	quiet bool // no answer passes any more
	gone  bool // the client has closed its side
}

// up carries what the client sends.
func (c *exchange) up() {
	defer c.p.wg.Done()
	buf := make([]byte, 4096)
	var late []byte
	holding := false
	for {
		n, err := c.client.Read(buf)
		if n > 0 {
			do := c.p.take(n)
			switch {
			case do == holdBack || holding:
				if !holding {
					holding = true
					c.set(false, true)
					c.p.mu.Lock()
					c.p.held = append(c.p.held, func() {
						c.mu.Lock()
						defer c.mu.Unlock()
						_, _ = c.server.Write(late)
						if c.gone {
							c.p.drop(c.server)
						}
					})
					c.p.mu.Unlock()
				}
				c.mu.Lock()
				late = append(late, buf[:n]...)
				c.mu.Unlock()
			case do == cutOff:
				_, _ = c.server.Write(buf[:n/2])
				c.p.drop(c.server)
				c.p.drop(c.client)
				return
			default:
				if do == loseAck {
					c.set(true, false)
				}
				if _, err := c.server.Write(buf[:n]); err != nil {
					c.p.drop(c.client)
					return
				}
			}
		}
		if err != nil {
			c.mu.Lock()
			c.gone = true
			alone := c.deaf || c.quiet
			c.mu.Unlock()
			if !alone { // else the server's side lives on
				c.p.drop(c.server)
			}
			c.p.drop(c.client)
			return
		}
	}
}

// down carries what the store answers.
func (c *exchange) down() {
	defer c.p.wg.Done()
	buf := make([]byte, 4096)
	for {
		n, err := c.server.Read(buf)
		c.mu.Lock()
		deaf, quiet := c.deaf, c.quiet
		c.mu.Unlock()
		switch {
		case deaf && n > 0:
			// The store speaks already while the client still sends: let it end.
			_ = c.server.SetReadDeadline(time.Now().Add(50 * time.Millisecond))
			_, _ = io.Copy(io.Discard, c.server)
			c.p.drop(c.client)
			_ = c.server.SetReadDeadline(time.Now().Add(2 * time.Second))
			_, _ = io.Copy(io.Discard, c.server)
			c.p.drop(c.server)
			return
		case n > 0 && !quiet:
			_, _ = c.client.Write(buf[:n])
		}
		if err != nil {
			c.p.drop(c.server)
			c.p.drop(c.client)
			return
		}
	}
}

func (c *exchange) set(deaf, quiet bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.deaf, c.quiet = deaf, quiet
}

// take counts the client's bytes down to where the plan begins.
func (p *proxy) take(n int) plan {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.plan == pass {
		return pass
	}
	if p.after -= n; p.after > 0 {
		return pass
	}
	do := p.plan
	p.plan = pass
	p.acted++
	return do
}
