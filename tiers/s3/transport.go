package s3

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/http"
	"sync"
	"time"
)

// newTransport returns the transport of one store. It has no time limit for a body:
// stallTransport has one for a body that does not move.
func newTransport(conf *tls.Config, stall time.Duration, connections int) *stallTransport {
	dialer := &net.Dialer{
		Timeout:         3 * time.Second,
		KeepAliveConfig: net.KeepAliveConfig{Enable: true, Idle: 15 * time.Second, Interval: 5 * time.Second, Count: 3},
	}
	return &stallTransport{limit: stall, next: &http.Transport{
		Proxy:                 http.ProxyFromEnvironment,
		DialContext:           dialer.DialContext,
		TLSClientConfig:       conf,
		TLSHandshakeTimeout:   5 * time.Second,
		ResponseHeaderTimeout: max(stall, 15*time.Second), // a server thinks long about the last part
		ExpectContinueTimeout: time.Second,
		IdleConnTimeout:       30 * time.Second,
		MaxIdleConnsPerHost:   connections,
		DisableCompression:    true,
	}}
}

// errStalled: neither side of a request moved a byte for too long.
var errStalled = errors.New("the connection stalled")

// stallTransport gives up a request when for limit no byte of its body was sent, no
// answer came, or no byte of the answer's body was read. So whoever reads an answer
// must not pause.
type stallTransport struct {
	next  *http.Transport
	limit time.Duration
}

// RoundTrip implements http.RoundTripper.
func (t *stallTransport) RoundTrip(r *http.Request) (*http.Response, error) {
	ctx, cancel := context.WithCancelCause(r.Context())
	w := &watch{limit: t.limit, cancel: cancel}
	w.timer = time.AfterFunc(t.limit, w.fire)
	r = r.Clone(ctx)
	if r.Body != nil && r.Body != http.NoBody {
		r.Body = &watched{r.Body, w, nil}
	}
	resp, err := t.next.RoundTrip(r)
	if err != nil {
		w.stop()
		return nil, cause(ctx, err)
	}
	w.moved()
	resp.Body = &watched{resp.Body, w, ctx}
	return resp, nil
}

// cause returns errStalled where that is why err came.
func cause(ctx context.Context, err error) error {
	if err != nil && err != io.EOF && errors.Is(context.Cause(ctx), errStalled) {
		return errStalled
	}
	return err
}

// watch ends a request that does not move.
type watch struct {
	limit  time.Duration
	cancel context.CancelCauseFunc
	once   sync.Once
	timer  *time.Timer
}

func (w *watch) fire()  { w.cancel(errStalled) }
func (w *watch) moved() { w.timer.Reset(w.limit) }
func (w *watch) stop()  { w.once.Do(func() { w.timer.Stop(); w.cancel(nil) }) }

// watched is a body. ctx is that of the request for the body of an answer, whose end
// is the end of the request; nil for what is sent.
type watched struct {
	io.ReadCloser
	w   *watch
	ctx context.Context
}

func (b *watched) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	if n > 0 {
		b.w.moved()
	}
	if b.ctx != nil {
		err = cause(b.ctx, err)
	}
	return n, err
}

func (b *watched) Close() error {
	err := b.ReadCloser.Close()
	if b.ctx != nil {
		b.w.stop()
	}
	return err
}
