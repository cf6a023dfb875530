package config

import (
	"errors"
	"path/filepath"
)

// encryptionKeys are the keys that say how the tiers are encrypted.
var encryptionKeys = []key{
	{
		name: "encryption.domain", def: DomainNone,
		doc: "none: not encrypted. repository: one key for all. directory: a key for each directory in the root;\nequal data under two keys are stored twice. none stays none, and the others never become none.",
		set: oneOf(func(c *Config) *string { return &c.Encryption.Domain }, DomainNone, DomainRepository, DomainDirectory),
		get: func(c *Config) string { return c.Encryption.Domain },
	},
	{
		name: "encryption.key_file", def: "none",
		doc: "A file that opens the repository, so that nobody is asked. Keep it on another disk than the tier.",
		set: orNone(func(c *Config) *string { return &c.Encryption.KeyFile }),
		get: func(c *Config) string { return noneIfEmpty(c.Encryption.KeyFile) },
	},
	{
		name: "encryption.key_command", def: "none",
		doc: "A shell command that prints the passphrase, e.g. of a password manager.",
		set: orNone(func(c *Config) *string { return &c.Encryption.KeyCommand }),
		get: func(c *Config) string { return noneIfEmpty(c.Encryption.KeyCommand) },
	},
}

func orNone(at func(*Config) *string) func(*Config, string) error {
	return func(c *Config, s string) error {
		if s == "" {
			return errors.New("want a value, or none")
		}
		if s == "none" {
			s = ""
		}
		*at(c) = s
		return nil
	}
}

func noneIfEmpty(s string) string {
	if s == "" {
		return "none"
	}
	return s
}

// File returns the key file of a repository at repo; "" if there is none.
func (e Encryption) File(repo string) string {
	if e.KeyFile == "" || filepath.IsAbs(e.KeyFile) {
		return e.KeyFile
	}
	return filepath.Join(repo, e.KeyFile)
}
