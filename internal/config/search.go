package config

import (
	"fmt"
	"net"
	"net/url"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"
)

// BuiltinModel is the model that comes with rdfs.
const BuiltinModel = "builtin"

// Search says how files are found.
type Search struct {
	Semantic       bool // texts are embedded, and found by what they mean
	Model          string
	Endpoint       string        // of a server for another Model than BuiltinModel; "" none
	Dimensions     int           // of its vectors
	Threshold      float64       // least cosine; 0: that of the model
	APIKey         string        // "env:NAME", "file:PATH", or "" for none
	Timeout        time.Duration // of a call of the server
	Synonyms       string        // path of the file, absolute or relative to the repository
	TextWeight     float64       // of the words in hybrid mode
	SemanticWeight float64       // of the meaning
}

// In returns a path of the section, for a repository at repo.
func (s Search) In(repo, path string) string {
	if filepath.IsAbs(path) {
		return filepath.Clean(path)
	}
	return filepath.Join(repo, path)
}

// searchKeys are the keys of the section search.
var searchKeys = []key{
	{
		name: "search.semantic", def: "true",
		doc: "Find files by what their descriptions mean. A model works in the background for it.",
		set: func(c *Config, s string) (err error) {
			if c.Search.Semantic, err = strconv.ParseBool(s); err != nil || s != "true" && s != "false" {
				return fmt.Errorf("want true or false, got %q", s)
			}
			return nil
		},
		get: func(c *Config) string { return strconv.FormatBool(c.Search.Semantic) },
	},
	{
		name: "search.model", def: BuiltinModel,
		doc: "builtin: comes with rdfs, English, works offline. Another name: a model of the server at endpoint.\nDescriptions of files are sent there.",
		set: func(c *Config, s string) error {
			if s == "" || len(s) > 200 || strings.ContainsFunc(s, func(r rune) bool { return r <= ' ' || r == 0x7f }) {
				return fmt.Errorf("want the name of a model, at most 200 bytes without spaces, got %q", s)
			}
			c.Search.Model = s
			return nil
		},
		get: func(c *Config) string { return c.Search.Model },
	},
	{
		name: "search.endpoint", def: "none",
		doc: "Ollama, or another server that speaks as OpenAI does: http://localhost:11434/v1/embeddings",
		set: func(c *Config, s string) error {
			c.Search.Endpoint = ""
			if s == "none" {
				return nil
			}
			u, err := url.Parse(s)
			switch {
			case err != nil || u.Scheme != "https" && u.Scheme != "http" || u.Host == "":
				return fmt.Errorf("want none, https://HOST/v1/embeddings or http://..., got %q", withoutPassword(s))
			case u.User != nil:
				return fmt.Errorf("a password has no place in an address: write search.api_key")
			case u.RawQuery != "" || u.Fragment != "":
				return fmt.Errorf("want an address without ? and #: a key has no place there, see search.api_key")
			}
			c.Search.Endpoint = s
			return nil
		},
		get: func(c *Config) string { return noneIfEmpty(c.Search.Endpoint) },
	},
	{
		name: "search.dimensions", def: "768",
		doc: "How many numbers a vector of that model has.",
		set: func(c *Config, s string) error {
			n, err := strconv.Atoi(s)
			if err != nil || n < 1 || n > 8192 {
				return fmt.Errorf("want a number from 1 to 8192, got %q", s)
			}
			c.Search.Dimensions = n
			return nil
		},
		get: func(c *Config) string { return strconv.Itoa(c.Search.Dimensions) },
	},
	{
		name: "search.threshold", def: string(Auto),
		doc: "How similar a description must be to be found, from 0 to 1. auto: 0.45 of the builtin model,\n0.7 of others; each model has its own.",
		set: func(c *Config, s string) error {
			if s == string(Auto) {
				c.Search.Threshold = 0
				return nil
			}
			f, err := strconv.ParseFloat(s, 64)
			if err != nil || !(f > 0 && f <= 1) {
				return fmt.Errorf("want auto, or a number above 0 and at most 1, got %q", s)
			}
			c.Search.Threshold = f
			return nil
		},
		get: func(c *Config) string {
			if c.Search.Threshold == 0 {
				return string(Auto)
			}
			return formatFloat(c.Search.Threshold)
		},
	},
	{
		name: "search.api_key", def: "none",
		doc: "Where the key for the server is: env:NAME, a variable of the environment, or file:PATH.",
		set: func(c *Config, s string) error {
			c.Search.APIKey = ""
			if s == "none" {
				return nil
			}
			kind, where, ok := strings.Cut(s, ":")
			if !ok || where == "" || kind != "env" && kind != "file" {
				// what was written is not repeated: it may be the key
				return fmt.Errorf("want none, env:NAME or file:PATH; a key has no place in this file")
			}
			c.Search.APIKey = s
			return nil
		},
		get: func(c *Config) string { return noneIfEmpty(c.Search.APIKey) },
	},
	{
		name: "search.timeout", def: "10s",
		doc: "How long the server may take for an answer.",
		set: func(c *Config, s string) error {
			return duration(s, 100*time.Millisecond, 10*time.Minute, &c.Search.Timeout)
		},
		get: func(c *Config) string { return FormatDuration(c.Search.Timeout) },
	},
	{
		name: "search.synonyms", def: "synonyms.txt",
		doc: "A file with words of yours that mean the same, beside this one; it need not be there\n(docs/semantic-search.md).",
		set: func(c *Config, s string) error {
			if s == "" {
				return fmt.Errorf("want the path of a file")
			}
			c.Search.Synonyms = s
			return nil
		},
		get: func(c *Config) string { return c.Search.Synonyms },
	},
	{
		name: "search.text_weight", def: "1",
		doc: "How much the words count in hybrid mode, and below, how much the meaning: from 0 to 100.",
		set: weight(func(c *Config) *float64 { return &c.Search.TextWeight }),
		get: func(c *Config) string { return formatFloat(c.Search.TextWeight) },
	},
	{
		name: "search.semantic_weight", def: "1",
		set: weight(func(c *Config) *float64 { return &c.Search.SemanticWeight }),
		get: func(c *Config) string { return formatFloat(c.Search.SemanticWeight) },
	},
}

// search checks that the keys of the section go together.
func (p *reader) search() {
	s := p.c.Search
	wrong := func(key, text string) {
		p.problems = append(p.problems, Problem{File: p.name, Line: p.c.lines[key], Column: 3, Key: key, Text: text})
	}
	builtin := s.Model == BuiltinModel
	refused := slices.ContainsFunc(p.problems, func(p Problem) bool { return p.Key == "search.endpoint" })
	if !builtin && s.Endpoint == "" && !refused {
		wrong("search.model", "the model of a server needs search.endpoint; builtin is the one that comes with rdfs")
	}
	for _, k := range []string{"search.dimensions", "search.api_key", "search.timeout", "search.endpoint"} {
		unset := k == "search.endpoint" && s.Endpoint == "" || k == "search.api_key" && s.APIKey == ""
		def := findKey(k).get(p.c) == findKey(k).def
		if builtin && p.has(k) && !unset && !def {
			wrong(k, "has no effect on the builtin model: write search.model, the name of a model of the server")
		}
	}
	if u, err := url.Parse(s.Endpoint); err == nil && u.Scheme == "http" && s.APIKey != "" && !loopback(u.Hostname()) {
		wrong("search.api_key", "would be sent unencrypted to "+u.Host+": use https, or no key")
	}
	if s.TextWeight == 0 && s.SemanticWeight == 0 {
		wrong("search.semantic_weight", "one of text_weight and semantic_weight must be above 0")
	}
}

func loopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

// withoutPassword returns an address as an error may tell it.
func withoutPassword(s string) string {
	if at := strings.LastIndexByte(s, '@'); at >= 0 {
		return "..." + s[at:]
	}
	return s
}

func weight(at func(*Config) *float64) func(*Config, string) error {
	return func(c *Config, s string) error {
		f, err := strconv.ParseFloat(s, 64)
		if err != nil || !(f >= 0 && f <= 100) {
			return fmt.Errorf("want a number from 0 to 100, got %q", s)
		}
		*at(c) = f
		return nil
	}
}

func formatFloat(f float64) string { return strconv.FormatFloat(f, 'g', -1, 64) }
