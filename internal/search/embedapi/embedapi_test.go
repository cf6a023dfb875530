package embedapi

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/rdfs/rdfs/internal/search/semantic"
)

const secret = "sk-very-secret"

// serve starts a server and returns a client of it, with vectors of three elements.
func serve(t *testing.T, h http.HandlerFunc) *Client {
	t.Helper()
	s := httptest.NewServer(h)
	t.Cleanup(s.Close)
	t.Setenv("RDFS_TEST_KEY", secret)
	return New(Options{Endpoint: s.URL + "/v1/embeddings", Model: "bge", Dim: 3, Threshold: 0.7,
		Key: Key{Env: "RDFS_TEST_KEY"}, Timeout: 10 * time.Second})
}

func TestVectorsComeInTheOrderOfTheTexts(t *testing.T) {
	c := serve(t, func(w http.ResponseWriter, r *http.Request) {
		var got request
		if err := json.NewDecoder(r.Body).Decode(&got); err != nil || got.Model != "bge" || !slices.Equal(got.Input, []string{"a", "b"}) {
			t.Errorf("%+v, %v", got, err)
		}
		if a := r.Header.Get("Authorization"); a != "Bearer "+secret {
			t.Errorf("key %q", a)
		}
		io.WriteString(w, `{"object": "list", "data": [{"index": 1, "embedding": [4, 5, 6]}, {"index": 0, "embedding": [1, 2, 3]}]}`)
	})
	vs, err := c.Embed(t.Context(), []string{"a", "b"})
	if err != nil || len(vs) != 2 || vs[0][0] != 1 || vs[1][2] != 6 {
		t.Errorf("%v, %v", vs, err)
	}
	if c.ID() != "api:bge" || c.Dim() != 3 || c.Threshold() != 0.7 {
		t.Errorf("%s, %d, %v", c.ID(), c.Dim(), c.Threshold())
	}
}

func TestAnswersThatAreNone(t *testing.T) {
	for name, c := range map[string]struct {
		status int
		body   string
		says   string
	}{
		"another dimension":   {200, `{"data": [{"embedding": [1, 2]}]}`, "gives vectors of 2 elements, and search.dimensions is 3"},
		"no vector":           {200, `{"data": []}`, "0 vectors for 1 texts"},
		"too many":            {200, `{"data": [{"embedding": [1,2,3]}, {"embedding": [1,2,3]}]}`, "2 vectors for 1 texts"},
		"a wrong number":      {200, `{"data": [{"index": 7, "embedding": [1,2,3]}]}`, "numbers its vectors wrongly"},
		"a page":              {200, `<html>`, "is the endpoint right?"},
		"numbers too large":   {200, `{"data": [{"embedding": [1e999, 2, 3]}]}`, "does not answer as /v1/embeddings does"},
		"the key is wrong":    {401, `Incorrect API key provided: ` + secret, "does not accept the key"},
		"a model is missing":  {404, `{"error": "model \"bge\" not found"}`, "no model bge (404)"},
		"a server in trouble": {503, "the\nkey is " + secret, "status 503: the key is ***"},
		"too many calls":      {429, "", "status 429"},
		"all is refused":      {400, "no", "status 400: no"},
	} {
		t.Run(name, func(t *testing.T) {
			client := serve(t, func(w http.ResponseWriter, _ *http.Request) {
				w.WriteHeader(c.status)
				io.WriteString(w, c.body)
			})
			_, err := client.Embed(t.Context(), []string{"a"})
			if err == nil || !strings.Contains(err.Error(), c.says) || !strings.Contains(err.Error(), client.o.Endpoint) {
				t.Errorf("%v, want %q", err, c.says)
			}
			if errors.Is(err, semantic.ErrText) {
				t.Error("the text is blamed")
			}
			if err != nil && strings.Contains(err.Error(), secret) {
				t.Errorf("the key is told: %v", err)
			}
		})
	}
}

func TestTextThatAloneIsRefusedIsToBlame(t *testing.T) {
	c := serve(t, func(w http.ResponseWriter, r *http.Request) {
		var got request
		json.NewDecoder(r.Body).Decode(&got)
		if got.Input[0] == "bad" {
			w.WriteHeader(http.StatusBadRequest)
			return
		}
		io.WriteString(w, `{"data": [{"embedding": [1, 2, 3]}]}`)
	})
	if _, err := c.Embed(t.Context(), []string{"bad"}); !errors.Is(err, semantic.ErrText) {
		t.Errorf("%v, want ErrText", err)
	}
}

func TestServerThatHangsIsLeft(t *testing.T) {
	for name, h := range map[string]func(http.ResponseWriter){
		"before the answer": func(http.ResponseWriter) {},
		"within it":         func(w http.ResponseWriter) { io.WriteString(w, `{"data": [`); w.(http.Flusher).Flush() },
	} {
		t.Run(name, func(t *testing.T) {
			end := make(chan struct{})
			c := serve(t, func(w http.ResponseWriter, r *http.Request) {
				io.Copy(io.Discard, r.Body)
				h(w)
				<-end
			})
			t.Cleanup(func() { close(end) })
			c.o.Timeout = 50 * time.Millisecond
			_, err := c.Embed(t.Context(), []string{"a"})
			if err == nil || !strings.Contains(err.Error(), "did not answer within 50ms") {
				t.Errorf("%v", err)
			}
			c.o.Timeout = time.Hour
			ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
			defer cancel()
			if _, err := c.Embed(ctx, []string{"a"}); !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("%v, want the end of the context", err)
			}
		})
	}
}

func TestServerThatNeverStopsIsLeft(t *testing.T) {
	c := serve(t, func(w http.ResponseWriter, _ *http.Request) {
		spaces := []byte(strings.Repeat(" ", 1<<20))
		for {
			if _, err := w.Write(spaces); err != nil {
				return
			}
		}
	})
	if _, err := c.Embed(t.Context(), []string{"a"}); err == nil || !strings.Contains(err.Error(), "more than") {
		t.Errorf("%v", err)
	}
}

func TestServerThatIsNotThere(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := l.Addr().String()
	l.Close()
	c := New(Options{Endpoint: "http://" + address + "/v1/embeddings", Model: "m", Dim: 3, Timeout: time.Minute})
	if _, err := c.Embed(t.Context(), []string{"a"}); err == nil || !strings.Contains(err.Error(), "connection refused") || strings.Count(err.Error(), address) > 2 {
		t.Errorf("%v", err)
	}
}

func TestTextsAndKeyAreNotSentElsewhere(t *testing.T) {
	other := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { t.Error("the redirect was followed") }))
	defer other.Close()
	c := serve(t, func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, other.URL, http.StatusTemporaryRedirect)
	})
	if _, err := c.Embed(t.Context(), []string{"a"}); err == nil || !strings.Contains(err.Error(), "sends elsewhere (307)") {
		t.Errorf("%v", err)
	}
}

func TestKeys(t *testing.T) {
	dir := t.TempDir()
	file := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	t.Setenv("RDFS_TEST_SET", " "+secret+"\n")
	t.Setenv("RDFS_TEST_EMPTY", "")
	for name, c := range map[string]struct {
		key  Key
		want string
		says string
	}{
		"none":          {Key{}, "", ""},
		"a variable":    {Key{Env: "RDFS_TEST_SET"}, secret, ""},
		"an empty one":  {Key{Env: "RDFS_TEST_EMPTY"}, "", "RDFS_TEST_EMPTY"},
		"a file":        {Key{File: file("key", secret+"\n")}, secret, ""},
		"a missing one": {Key{File: filepath.Join(dir, "nothing")}, "", "no such file"},
		"an empty file": {Key{File: file("empty", "\n")}, "", "holds no key"},
		"two lines":     {Key{File: file("two", secret+"\nX-Other: 1")}, "", "holds no key"},
		"a huge file":   {Key{File: file("huge", strings.Repeat("x", maxKey+1))}, "", "holds no key"},
	} {
		got, err := c.key.read()
		if got != c.want || (err == nil) != (c.says == "") || err != nil && !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: %q, %v", name, got, err)
		}
		if strings.Contains(fmt.Sprint(err), secret) {
			t.Errorf("%s: the key is told: %v", name, err)
		}
	}
}
