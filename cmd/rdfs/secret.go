package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"

	"golang.org/x/term"

	"crypto/rand"

	"github.com/rdfs/rdfs/internal/config"
	"github.com/rdfs/rdfs/internal/disk"
	"github.com/rdfs/rdfs/internal/keys"
)

// Where secrets may be given.
const (
	passphraseEnv    = "RDFS_PASSPHRASE"
	newPassphraseEnv = "RDFS_NEW_PASSPHRASE"
	keyFileEnv       = "RDFS_KEY_FILE"
)

// maxSecret bounds a key file in bytes.
const maxSecret = 16 << 20

func keysPath(repo string) string { return filepath.Join(repo, "keys") }

// isPassphrase reports whether a line of the environment holds a passphrase.
func isPassphrase(line string) bool {
	return strings.HasPrefix(line, passphraseEnv+"=") || strings.HasPrefix(line, newPassphraseEnv+"=")
}

// secretOf returns what finds the secret that opens a repository: that of the process that
// started this one, a key file, the environment, rdfs.yaml, or a person at the terminal.
func (a *app) secretOf(repo string, e config.Encryption) func(context.Context) (keys.Secret, error) {
	return func(ctx context.Context) (keys.Secret, error) {
		text := os.Getenv(passphraseEnv)
		switch {
		case a.secret != nil:
			return *a.secret, nil
		case a.keyFile != "":
			return readKeyFile(a.keyFile)
		case text != "":
			return keys.Secret{Kind: keys.Passphrase, Bytes: []byte(text)}, nil
		case os.Getenv(keyFileEnv) != "":
			return readKeyFile(os.Getenv(keyFileEnv))
		case e.KeyFile != "":
			return readKeyFile(e.File(repo))
		case e.KeyCommand != "":
			return runKeyCommand(ctx, e.KeyCommand)
		}
		s, err := askPassphrase("passphrase of " + repo + ": ")
		if errors.Is(err, errNoTerminal) {
			err = failf(exitPermission, "%s is encrypted, and there is no terminal to ask for its passphrase: give it in %s, a key file in %s, or set encryption.key_file or encryption.key_command in rdfs.yaml",
				repo, passphraseEnv, keyFileEnv)
		}
		return s, err
	}
}

// readKeyFile reads a key file that nobody else may read.
func readKeyFile(name string) (keys.Secret, error) {
	f, err := os.Open(name)
	if err != nil {
		return keys.Secret{}, fmt.Errorf("key file: %w", err)
	}
	defer f.Close()
	if info, err := f.Stat(); err == nil && info.Mode().IsRegular() && info.Mode().Perm()&0o077 != 0 {
		return keys.Secret{}, failf(exitPermission, "key file %s: others may read it (mode %04o): run chmod 600 %s", name, info.Mode().Perm(), name)
	}
	text, err := io.ReadAll(io.LimitReader(f, maxSecret+1))
	if err == nil && len(text) > maxSecret {
		err = fmt.Errorf("%s is too large for a key", name)
	}
	if err != nil {
		return keys.Secret{}, fmt.Errorf("key file: %w", err)
	}
	return keys.Secret{Kind: keys.File, Bytes: text}, nil
}

// runKeyCommand returns the passphrase that a command prints, without the end of its line.
func runKeyCommand(ctx context.Context, command string) (keys.Secret, error) {
	cmd := exec.CommandContext(ctx, "/bin/sh", "-c", command)
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if err != nil {
		return keys.Secret{}, fmt.Errorf("encryption.key_command: %w", err)
	}
	if out = bytes.TrimRight(out, "\r\n"); len(out) == 0 {
		return keys.Secret{}, errors.New("encryption.key_command printed nothing")
	}
	return keys.Secret{Kind: keys.Passphrase, Bytes: out}, nil
}

var errNoTerminal = errors.New("there is no terminal")

// askPassphrase asks at the terminal of the process, whatever its stdin is.
func askPassphrase(prompt string) (keys.Secret, error) {
	tty, err := os.OpenFile("/dev/tty", os.O_RDWR, 0)
	if err != nil {
		return keys.Secret{}, errNoTerminal
	}
	defer tty.Close()
	fmt.Fprint(tty, prompt)
	text, err := term.ReadPassword(int(tty.Fd()))
	fmt.Fprintln(tty)
	if err != nil {
		return keys.Secret{}, fmt.Errorf("read the passphrase: %w", err)
	}
	return keys.Secret{Kind: keys.Passphrase, Bytes: text}, nil
}

// newSecret returns a secret for a new key slot: the bytes of a key file, which is made if
// it is absent, or a passphrase from the environment or the terminal.
func (a *app) newSecret(_ context.Context, keyFile, env string) (s keys.Secret, err error) {
	switch text := os.Getenv(env); {
	case keyFile != "":
		if err = makeKeyFile(keyFile); err == nil {
			s, err = readKeyFile(keyFile)
		}
	case text != "":
		s = keys.Secret{Kind: keys.Passphrase, Bytes: []byte(text)}
	default:
		if s, err = askPassphrase("new passphrase: "); err != nil {
			break
		}
		var again keys.Secret
		if again, err = askPassphrase("the same again: "); err == nil && !bytes.Equal(s.Bytes, again.Bytes) {
			err = errors.New("these are two passphrases")
		}
	}
	if errors.Is(err, errNoTerminal) {
		err = failf(exitUsage, "a new key is needed, and there is no terminal to ask for a passphrase: give it in %s, or a key file", env)
	}
	if err == nil {
		err = s.Check()
	}
	return s, err
}

// makeKeyFile makes a file of random bytes, unless there is one.
func makeKeyFile(name string) error {
	if _, err := os.Lstat(name); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	key := make([]byte, 32)
	rand.Read(key)
	if err := disk.WriteFile(disk.OS, name, strings.NewReader(fmt.Sprintf("%x\n", key)), 0o600); err != nil {
		return fmt.Errorf("make key file: %w", err)
	}
	return nil
}

// secretToMount returns the secret that a background process will need; nil: none.
func (a *app) secretToMount(ctx context.Context, repo string) (*keys.Secret, error) {
	if !isRepository(repo) {
		return nil, nil
	}
	c, err := loadRepository(repo)
	if err != nil || !c.Encryption.On() {
		return nil, err
	}
	s, err := a.secretOf(repo, c.Encryption)(ctx)
	return &s, err
}

// secretPipe returns what another process reads a secret from.
func secretPipe(s *keys.Secret) (*os.File, error) {
	text, err := json.Marshal(s)
	if err != nil {
		return nil, err
	}
	r, w, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	go func() {
		w.Write(text) // a reader that has died says so itself
		w.Close()
	}()
	return r, nil
}

// takeSecret reads what secretPipe wrote.
func (a *app) takeSecret(fd int) error {
	if fd == 0 {
		return nil
	}
	syscall.CloseOnExec(fd)
	f := os.NewFile(uintptr(fd), "secret")
	defer f.Close()
	var s keys.Secret
	if err := json.NewDecoder(f).Decode(&s); err != nil {
		return failf(exitUsage, "--secret-fd=%d: %w", fd, err)
	}
	a.secret = &s
	return nil
}
