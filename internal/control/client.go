package control

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"net/url"
	"syscall"
	"time"

	"github.com/rdfs/rdfs/internal/volume"
)

// Client speaks to the process that has a repository mounted. It is a Drive.
type Client struct {
	repo  string
	hello Hello
	http  *http.Client
}

var _ Drive = (*Client)(nil)

// helloTimeout is how long a healthy drive may take to say that it is there.
const helloTimeout = 10 * time.Second

// Dial reaches the process that has the repository at repo mounted.
func Dial(ctx context.Context, repo string) (*Client, error) {
	c := &Client{repo: repo, http: &http.Client{Transport: &http.Transport{
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) { return dial(ctx, repo) },
	}}}
	hctx, cancel := context.WithTimeout(ctx, helloTimeout)
	defer cancel()
	if err := c.call(hctx, "GET", "hello", nil, &c.hello, nil); err != nil {
		if hctx.Err() != nil && ctx.Err() == nil {
			return nil, fmt.Errorf("the drive of repository %s: %w within %v", repo, ErrNoAnswer, helloTimeout)
		}
		return nil, err
	}
	if c.hello.Protocol != ProtocolVersion {
		return nil, fmt.Errorf("the drive of repository %s is served by rdfs %s (process %d), which speaks another protocol than this command: "+
			"use that version, or unmount and mount again", repo, c.hello.Version, c.hello.PID)
	}
	return c, nil
}

// Hello returns what the server said about itself when Dial reached it.
func (c *Client) Hello() Hello { return c.hello }

// Close gives the connection back.
func (c *Client) Close() error {
	c.http.CloseIdleConnections()
	return nil
}

// Status implements Drive.
func (c *Client) Status(ctx context.Context) (st volume.Status, err error) {
	err = c.call(ctx, "GET", "status", nil, &st, nil)
	return st, err
}

// Log implements Drive.
func (c *Client) Log(ctx context.Context, path string) (vs []volume.VersionInfo, err error) {
	err = c.call(ctx, "POST", "log", pathRequest{path}, &vs, nil)
	return vs, err
}

// Restore implements Drive. The server puts in who asks.
func (c *Client) Restore(ctx context.Context, req volume.RestoreRequest) (res volume.RestoreResult, err error) {
	err = c.call(ctx, "POST", "restore", req, &res, nil)
	return res, err
}

// Seal implements Drive.
func (c *Client) Seal(ctx context.Context, path string) (v volume.VersionInfo, err error) {
	err = c.call(ctx, "POST", "seal", pathRequest{path}, &v, nil)
	return v, err
}

// Sync implements Drive.
func (c *Client) Sync(ctx context.Context, path string, progress func(volume.Progress)) error {
	return c.call(ctx, "POST", "sync", pathRequest{path}, nil, progress)
}

// Check implements Drive.
func (c *Client) Check(ctx context.Context, data bool, progress func(volume.Progress)) (res volume.CheckResult, err error) {
	err = c.call(ctx, "POST", "check", checkRequest{data}, &res, progress)
	return res, err
}

// GC implements Drive.
func (c *Client) GC(ctx context.Context, dryRun bool, progress func(volume.Progress)) (res volume.GCResult, err error) {
	err = c.call(ctx, "POST", "gc", gcRequest{dryRun}, &res, progress)
	return res, err
}

// Scrub implements Drive.
func (c *Client) Scrub(ctx context.Context, req volume.ScrubRequest, progress func(volume.Progress)) (res volume.ScrubResult, err error) {
	err = c.call(ctx, "POST", "scrub", req, &res, progress)
	return res, err
}

// Unmount asks the process to unmount, seal and end. It returns when the mount is
// gone; the process may live a moment longer (see LockedBy).
func (c *Client) Unmount(ctx context.Context, req UnmountRequest, progress func(volume.Progress)) error {
	return c.call(ctx, "POST", "unmount", req, nil, progress)
}

// call sends one request and reads the answer, which may be many lines.
func (c *Client) call(ctx context.Context, method, what string, body, result any, progress func(volume.Progress)) error {
	var buf bytes.Buffer
	if body != nil {
		if err := json.NewEncoder(&buf).Encode(body); err != nil {
			return err
		}
	}
	req, err := http.NewRequestWithContext(ctx, method, "http://drive/v1/"+what, &buf)
	if err != nil {
		return err
	}
	resp, err := c.http.Do(req)
	if err != nil {
		return c.broken(ctx, err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("%s: the drive answered %q", what, resp.Status)
	}
	dec := json.NewDecoder(resp.Body)
	for {
		var m struct {
			Progress *volume.Progress
			Result   json.RawMessage
			Error    *Error
		}
		if err := dec.Decode(&m); err != nil {
			return c.broken(ctx, err)
		}
		switch {
		case m.Error != nil:
			return m.Error
		case m.Progress != nil:
			if progress != nil {
				progress(*m.Progress)
			}
		case result == nil || m.Result == nil:
			return nil
		default:
			if err := json.Unmarshal(m.Result, result); err != nil {
				return fmt.Errorf("%s: answer of the drive: %w", what, err)
			}
			return nil
		}
	}
}

// broken explains a connection that did not bring an answer.
func (c *Client) broken(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	// A process that dies closes its connections, then its socket, then its mount.
	for _, dying := range []error{syscall.ECONNRESET, syscall.EPIPE, io.EOF, io.ErrUnexpectedEOF} {
		if c.hello.PID == 0 && errors.Is(err, dying) {
			return fmt.Errorf("repository %s: %w", c.repo, ErrStale)
		}
	}
	for _, known := range []error{ErrNotMounted, ErrStale} {
		if errors.Is(err, known) {
			return fmt.Errorf("repository %s: %w", c.repo, known)
		}
	}
	if errors.Is(err, fs.ErrPermission) {
		var ue *url.Error
		if errors.As(err, &ue) {
			return ue.Err
		}
		return err
	}
	if c.hello.PID != 0 {
		return fmt.Errorf("process %d stopped before it answered: %w (see %s/%s/rdfs.log)", c.hello.PID, ErrStale, c.repo, RunDir)
	}
	return fmt.Errorf("the drive of repository %s: %w", c.repo, err)
}
