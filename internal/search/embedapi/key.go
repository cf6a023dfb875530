package embedapi

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
)

// Key says where the key for the server is. The zero value: none is sent.
type Key struct {
	Env  string // name of a variable of the environment
	File string // path of a file with nothing but the key
}

const maxKey = 16 << 10 // bytes

// read returns the key, or "".
func (k Key) read() (string, error) {
	switch {
	case k.Env != "":
		key := strings.TrimSpace(os.Getenv(k.Env))
		if key == "" {
			return "", fmt.Errorf("the variable %s, which should hold the key of the embedding server, is not set", k.Env)
		}
		return valid(key, "the variable "+k.Env)
	case k.File != "":
		f, err := os.Open(k.File)
		if err != nil {
			return "", fmt.Errorf("key of the embedding server: %w", err)
		}
		b, err := io.ReadAll(io.LimitReader(f, maxKey+1))
		if err := errors.Join(err, f.Close()); err != nil {
			return "", fmt.Errorf("key of the embedding server: %w", err)
		}
		return valid(strings.TrimSpace(string(b)), k.File)
	}
	return "", nil
}

// valid refuses what cannot stand in a header, without telling it.
func valid(key, where string) (string, error) {
	bad := strings.ContainsFunc(key, func(r rune) bool { return r <= ' ' || r > '~' })
	if key == "" || len(key) > maxKey || bad {
		return "", fmt.Errorf("%s holds no key: want one line of letters, digits and signs", where)
	}
	return key, nil
}
