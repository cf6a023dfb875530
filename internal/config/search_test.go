package config

import (
	"errors"
	"strings"
	"testing"
	"time"
)

const searchHead = "version: 1\nid: " + testID + "\nsearch:\n"

func TestSearchIsRead(t *testing.T) {
	c, err := Parse("f", []byte("version: 1\nid: "+testID+"\n"))
	if err != nil {
		t.Fatal(err)
	}
	want := Search{Semantic: true, Model: BuiltinModel, Dimensions: 768, Timeout: 10 * time.Second, Synonyms: "synonyms.txt", TextWeight: 1, SemanticWeight: 1}
	if c.Search != want {
		t.Errorf("defaults: %+v, want %+v", c.Search, want)
	}
	c, err = Parse("f", []byte(searchHead+`  semantic: true
  model: nomic-embed-text:v1.5
  endpoint: http://localhost:11434/v1/embeddings
  dimensions: 384
  threshold: 0.62
  api_key: file:keys/embed
  timeout: 2s
  synonyms: /etc/words.txt
  text_weight: 0.5
  semantic_weight: 2
`))
	if err != nil {
		t.Fatal(err)
	}
	want = Search{true, "nomic-embed-text:v1.5", "http://localhost:11434/v1/embeddings", 384, 0.62, "file:keys/embed", 2 * time.Second, "/etc/words.txt", 0.5, 2}
	if c.Search != want {
		t.Errorf("%+v, want %+v", c.Search, want)
	}
	if got := want.In("/repo", "keys/embed"); got != "/repo/keys/embed" {
		t.Errorf("path %q", got)
	}
	if got := want.In("/repo", want.Synonyms); got != "/etc/words.txt" {
		t.Errorf("path %q", got)
	}
}

func TestWrongSearchIsToldWithItsLine(t *testing.T) {
	for name, c := range map[string]struct {
		text string
		line int
		says string
	}{
		"no endpoint":        {"  model: bge\n", 4, "needs search.endpoint"},
		"no effect":          {"  endpoint: http://localhost/v1/embeddings\n", 4, "has no effect on the builtin model"},
		"no effect of a key": {"  semantic: true\n  api_key: env:KEY\n", 5, "has no effect on the builtin model"},
		"not an address":     {"  model: m\n  endpoint: localhost:11434\n", 5, "want none, https://HOST"},
		"a password":         {"  model: m\n  endpoint: https://me:hunter2@host/v1\n", 5, "no place in an address"},
		"half a password":    {"  model: m\n  endpoint: me:hunter2@host/v1\n", 5, "want none, https://HOST"},
		"a key in a query":   {"  model: m\n  endpoint: https://host/v1?key=hunter2\n", 5, "no place there"},
		"a key":              {"  model: m\n  endpoint: https://host/v1\n  api_key: hunter2\n", 6, "no place in this file"},
		"a key with a colon": {"  model: m\n  endpoint: https://host/v1\n  api_key: sk:hunter2\n", 6, "no place in this file"},
		"unencrypted":        {"  model: m\n  endpoint: http://host/v1\n  api_key: env:KEY\n", 6, "unencrypted to host"},
		"dimensions":         {"  dimensions: 9000\n", 4, "1 to 8192"},
		"threshold":          {"  threshold: 70\n", 4, "at most 1"},
		"not a threshold":    {"  threshold: NaN\n", 4, "at most 1"},
		"timeout":            {"  timeout: 1h\n", 4, "want a time from"},
		"weights":            {"  text_weight: 0\n  semantic_weight: 0\n", 5, "must be above 0"},
		"a weight":           {"  text_weight: -1\n", 4, "0 to 100"},
		"semantic":           {"  semantic: yes\n", 4, "true or false"},
		"a key nobody knows": {"  modle: m\n", 4, "model"},
	} {
		_, err := Parse("f", []byte(searchHead+c.text))
		var ps Problems
		if !errors.As(err, &ps) || ps[0].Line != c.line || !strings.Contains(ps[0].Text, c.says) {
			t.Errorf("%s: %v, want line %d and %q", name, err, c.line, c.says)
		}
		if err != nil && strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%s: the secret is told: %v", name, err)
		}
	}
}
