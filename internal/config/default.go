package config

import (
	"bytes"
	"fmt"
	"io"
	"strings"
)

// newDefault returns the configuration of an empty file.
func newDefault() *Config {
	c := &Config{Tiers: []Tier{defaultTier}, lines: map[string]int{}}
	for _, k := range keys {
		if k.def == "" {
			continue
		}
		if err := k.set(c, k.def); err != nil {
			panic("config: default of " + k.name + ": " + err.Error()) // a mistake in the table
		}
	}
	return c
}

// Default returns the file of a new repository: every key with its default and a
// comment. domain is what encryption.domain is to be. id is the repository's ULID. An unknown scheme is an error.
func Default(scheme, id, domain string) ([]byte, error) {
	c := newDefault()
	if err := findKey("naming.scheme").set(c, scheme); err != nil {
		return nil, fmt.Errorf("naming scheme: %w", err)
	}
	if err := findKey("id").set(c, id); err != nil {
		return nil, fmt.Errorf("repository id: %w", err)
	}
	if err := findKey("encryption.domain").set(c, domain); err != nil {
		return nil, fmt.Errorf("encryption domain: %w", err)
	}
	c.Naming.Mode = defaultMode(c.Naming)
	var b bytes.Buffer
	c.write(&b)
	return b.Bytes(), nil
}

// defaultMode is the naming mode that holds when the file names none.
func defaultMode(n Naming) string {
	if n.Asks() {
		return "enforce"
	}
	return "off"
}

// write writes c as a commented file.
func (c *Config) write(w io.Writer) {
	io.WriteString(w, "# The configuration of an rdfs repository. Every key stands here with its default.\n"+
		"# `rdfs config` shows what holds and where it comes from; it also checks the file.\n"+
		"# A change holds from the next mount on.\n")
	for _, s := range sections {
		io.WriteString(w, "\n")
		comment(w, "", s.doc)
		if k := findKey(s.name); k != nil {
			fmt.Fprintf(w, "%s: %s\n", k.name, k.get(c))
			continue
		}
		if s.name == "tiers" {
			c.writeTiers(w)
			continue
		}
		ks := keysOf(s.name)
		if len(ks) == 0 {
			fmt.Fprintf(w, "%s: {}\n", s.name)
			continue
		}
		fmt.Fprintf(w, "%s:\n", s.name)
		for _, k := range ks {
			comment(w, "  ", k.doc)
			fmt.Fprintf(w, "  %s: %s\n", strings.TrimPrefix(k.name, s.name+"."), k.get(c))
		}
	}
}

func (c *Config) writeTiers(w io.Writer) {
	io.WriteString(w, "tiers:\n")
	for i, t := range c.Tiers {
		lead := "  - "
		for _, k := range tierKeys {
			if k.get(t) == "" {
				continue
			}
			fmt.Fprintf(w, "%s%s: %s", lead, k.name, k.get(t))
			if i == 0 {
				fmt.Fprintf(w, "%s# %s", strings.Repeat(" ", max(1, 12-len(k.name)-len(k.get(t)))), k.doc)
			}
			io.WriteString(w, "\n")
			lead = "    "
		}
	}
}

func comment(w io.Writer, indent, doc string) {
	if doc == "" {
		return
	}
	for line := range strings.Lines(doc) {
		fmt.Fprintf(w, "%s# %s\n", indent, strings.TrimRight(line, "\n"))
	}
}

// Setting is one key as it holds.
type Setting struct {
	Key   string `json:"key"`
	Value string `json:"value"`
	Line  int    `json:"line,omitempty"` // of the file; 0: the default holds
	Doc   string `json:"doc,omitempty"`
}

// Explain returns every key with the value that holds and where it comes from.
func (c *Config) Explain() []Setting {
	var out []Setting
	for _, s := range sections {
		if k := findKey(s.name); k != nil {
			out = append(out, Setting{k.name, k.get(c), c.lines[k.name], s.doc})
			continue
		}
		if s.name == "tiers" {
			for i, t := range c.Tiers {
				for _, k := range tierKeys {
					if k.get(t) == "" {
						continue
					}
					name := fmt.Sprintf("tiers[%d].%s", i, k.name)
					out = append(out, Setting{name, k.get(t), c.lines[name], k.doc})
				}
			}
			continue
		}
		if s.name == "metadata" {
			out = append(out, c.explainMetadata()...)
			continue
		}
		for _, k := range keysOf(s.name) {
			out = append(out, Setting{k.name, k.get(c), c.lines[k.name], k.doc})
		}
		if s.name == "naming" {
			out = append(out, c.explainNaming()...)
		}
	}
	return out
}
