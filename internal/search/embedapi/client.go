package embedapi

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"
	"unicode"

	"github.com/rdfs/rdfs/internal/search/semantic"
)

// Options of New. All but Key are required.
type Options struct {
	Endpoint  string // https://HOST/v1/embeddings
	Model     string // as the server knows it
	Dim       int    // of its vectors
	Threshold float32
	Key       Key
	Timeout   time.Duration // of a call, its answer included
}

const (
	maxAnswer = 64 << 20 // bytes
	maxSaid   = 200      // bytes of what a server says that an error repeats
)

// Client is a semantic.Embedder. See the package comment.
type Client struct {
	o    Options
	http *http.Client
}

// New returns a client. It does not ask the server.
func New(o Options) *Client {
	return &Client{o, &http.Client{
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
}

// ID is that of the model, wherever it runs.
func (c *Client) ID() string { return "api:" + c.o.Model }

// Dim returns Options.Dim.
func (c *Client) Dim() int { return c.o.Dim }

// Threshold returns Options.Threshold.
func (c *Client) Threshold() float32 { return c.o.Threshold }

// errRefused: the server does not take what was sent.
var errRefused = errors.New("refused")

// Embed asks for the vectors of texts. The error says what to do about it.
func (c *Client) Embed(ctx context.Context, texts []string) ([][]float32, error) {
	vs, err := c.ask(ctx, texts)
	if !errors.Is(err, errRefused) {
		return vs, err
	}
	if _, other := c.ask(ctx, []string{"test"}); other != nil {
		return nil, other
	}
	return nil, fmt.Errorf("%w: %w", semantic.ErrText, err)
}

type request struct {
	Model string   `json:"model"`
	Input []string `json:"input"`
}

type answer struct {
	Data []struct {
		Index     int       `json:"index"`
		Embedding []float32 `json:"embedding"`
	} `json:"data"`
}

func (c *Client) ask(ctx context.Context, texts []string) ([][]float32, error) {
	key, err := c.o.Key.read()
	if err != nil {
		return nil, err
	}
	body, err := json.Marshal(request{c.o.Model, texts})
	if err != nil {
		return nil, err
	}
	timed, cancel := context.WithTimeout(ctx, c.o.Timeout)
	defer cancel()
	req, err := http.NewRequestWithContext(timed, http.MethodPost, c.o.Endpoint, bytes.NewReader(body))
	if err != nil {
		return nil, c.wrong("%v", err)
	}
	req.Header.Set("Content-Type", "application/json")
	if key != "" {
		req.Header.Set("Authorization", "Bearer "+key)
	}
	resp, err := c.http.Do(req)
	if err != nil {
		return nil, c.broken(ctx, err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer+1))
	switch {
	case err != nil:
		return nil, c.broken(ctx, err)
	case resp.StatusCode != http.StatusOK:
		return nil, c.status(resp.StatusCode, b, key)
	case len(b) > maxAnswer:
		return nil, c.wrong("answers with more than %d bytes for %d texts", maxAnswer, len(texts))
	}
	return c.vectors(b, len(texts))
}

// vectors reads an answer for n texts.
func (c *Client) vectors(b []byte, n int) ([][]float32, error) {
	var a answer
	if err := json.Unmarshal(b, &a); err != nil {
		return nil, c.wrong("does not answer as /v1/embeddings does (%v); is the endpoint right?", err)
	}
	if len(a.Data) != n {
		return nil, c.wrong("answers with %d vectors for %d texts", len(a.Data), n)
	}
	out := make([][]float32, n)
	for _, d := range a.Data {
		if d.Index < 0 || d.Index >= n || out[d.Index] != nil {
			return nil, c.wrong("numbers its vectors wrongly (%d of %d)", d.Index, n)
		}
		if len(d.Embedding) != c.o.Dim {
			return nil, c.wrong("model %s gives vectors of %d elements, and search.dimensions is %d: correct it in rdfs.yaml, and all texts are embedded anew",
				c.o.Model, len(d.Embedding), c.o.Dim)
		}
		out[d.Index] = d.Embedding
	}
	return out, nil
}

// status is the error of an answer that is none.
func (c *Client) status(code int, body []byte, key string) error {
	switch {
	case code == http.StatusUnauthorized || code == http.StatusForbidden:
		if key == "" {
			return c.wrong("wants a key (%d): give search.api_key", code)
		}
		return c.wrong("does not accept the key of search.api_key (%d)", code)
	case code >= 300 && code < 400:
		return c.wrong("sends elsewhere (%d), where texts are not sent: write the right address as search.endpoint", code)
	case code == http.StatusNotFound:
		return c.wrong("has no such address, or no model %s (404)%s", c.o.Model, said(body, key))
	case code == http.StatusBadRequest || code == http.StatusRequestEntityTooLarge || code == http.StatusUnprocessableEntity:
		return fmt.Errorf("%w (%w)", c.wrong("answers with status %d%s", code, said(body, key)), errRefused)
	}
	return c.wrong("answers with status %d%s", code, said(body, key))
}

// broken is the error of a call without an answer.
func (c *Client) broken(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if t := net.Error(nil); errors.As(err, &t) && t.Timeout() {
		return c.wrong("did not answer within %v", c.o.Timeout)
	}
	if u := (*url.Error)(nil); errors.As(err, &u) {
		err = u.Err // without the address, which wrong tells
	}
	return c.wrong("%w", err)
}

func (c *Client) wrong(format string, args ...any) error {
	return fmt.Errorf("embedding server %s: "+format, append([]any{c.o.Endpoint}, args...)...)
}

// said is the beginning of what a server wrote, on one line and without the key.
func said(body []byte, key string) string {
	text := string(body)
	if key != "" {
		text = strings.ReplaceAll(text, key, "***")
	}
	text = text[:min(len(text), maxSaid)]
	text = strings.Map(func(r rune) rune {
		if unicode.IsPrint(r) && r != unicode.ReplacementChar {
			return r
		}
		return ' '
	}, text)
	if text = strings.TrimSpace(text); text == "" {
		return ""
	}
	return ": " + text
}
