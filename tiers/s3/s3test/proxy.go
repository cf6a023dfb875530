package s3test

import (
	"io"
	"net"
	"net/http"
	"net/url"
	"sync/atomic"
	"testing"
	"time"
)

// Fault is what a Proxy does to a request instead of, or besides, passing it on.
type Fault int

// The faults.
const (
	None      Fault = iota
	Reset           // the connection is reset
	BlackHole       // nothing is ever answered
	Busy            // 503 SlowDown
	Cut             // the answer's body ends in its middle
	LostAck         // the request is carried out, and the connection is reset before the answer
	Corrupt         // a byte of the answer's body is another one
	Stall           // the answer's body stops in its middle, and the connection stays
)

// Proxy passes requests on to a server, and makes faults.
type Proxy struct {
	Endpoint string
	Requests atomic.Int64

	fault atomic.Pointer[func(*http.Request) Fault]
	delay atomic.Int64
	to    *url.URL
	http  *http.Server
	next  *http.Transport
	hole  chan struct{}
}

// NewProxy returns a proxy before s that makes no faults yet. It ends with the test.
func NewProxy(t testing.TB, s *Server) *Proxy {
	t.Helper()
	to, err := url.Parse(s.Endpoint)
	if err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p := &Proxy{Endpoint: "http://" + l.Addr().String(), to: to, hole: make(chan struct{}),
		next: &http.Transport{DisableCompression: true, MaxIdleConnsPerHost: 64}}
	p.http = &http.Server{Handler: p}
	go p.http.Serve(l)
	t.Cleanup(func() {
		close(p.hole)
		p.http.Close()
		p.next.CloseIdleConnections()
	})
	return p
}

// Always makes one fault for every request.
func (p *Proxy) Always(f Fault) { p.When(func(*http.Request) Fault { return f }) }

// When lets fn choose the fault of each request. It runs in many goroutines.
func (p *Proxy) When(fn func(*http.Request) Fault) { p.fault.Store(&fn) }

// Times makes a fault for the next n requests of a method, and none afterwards.
func (p *Proxy) Times(n int64, method string, f Fault) {
	var left atomic.Int64
	left.Store(n)
	p.When(func(r *http.Request) Fault {
		if r.Method == method && left.Add(-1) >= 0 {
			return f
		}
		return None
	})
}

// Delay makes each request wait before it is passed on, as on a long way.
func (p *Proxy) Delay(d time.Duration) { p.delay.Store(int64(d)) }

// ServeHTTP implements http.Handler.
func (p *Proxy) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	p.Requests.Add(1)
	f := None
	if fn := p.fault.Load(); fn != nil {
		f = (*fn)(r)
	}
	if d := p.delay.Load(); d > 0 {
		time.Sleep(time.Duration(d))
	}
	switch f {
	case Reset:
		reset(w)
		return
	case BlackHole:
		<-p.hole
		return
	case Busy:
		io.Copy(io.Discard, r.Body)
		w.WriteHeader(http.StatusServiceUnavailable)
		io.WriteString(w, `<Error><Code>SlowDown</Code><Message>slow down</Message></Error>`)
		return
	}
	out := r.Clone(r.Context())
	out.URL.Scheme, out.URL.Host, out.RequestURI = p.to.Scheme, p.to.Host, ""
	resp, err := p.next.RoundTrip(out)
	if err != nil {
		reset(w)
		return
	}
	defer resp.Body.Close()
	if f == LostAck {
		io.Copy(io.Discard, resp.Body)
		reset(w)
		return
	}
	for k, v := range resp.Header {
		w.Header()[k] = v
	}
	w.WriteHeader(resp.StatusCode)
	half := max(resp.ContentLength/2, 1)
	switch f {
	case Cut:
		io.CopyN(w, resp.Body, half)
		w.(http.Flusher).Flush()
		reset(w)
	case Stall:
		io.CopyN(w, resp.Body, half)
		w.(http.Flusher).Flush()
		select {
		case <-p.hole:
		case <-r.Context().Done():
		}
	case Corrupt:
		body, err := io.ReadAll(resp.Body)
		if err != nil || len(body) == 0 {
			return
		}
		body[len(body)/2] ^= 1
		w.Write(body)
	default:
		io.Copy(w, resp.Body)
	}
}

// reset ends the connection the hard way.
func reset(w http.ResponseWriter) {
	c, _, err := w.(http.Hijacker).Hijack()
	if err != nil {
		panic(http.ErrAbortHandler) // the answer has begun
	}
	if tcp, ok := c.(*net.TCPConn); ok {
		tcp.SetLinger(0)
	}
	c.Close()
}
