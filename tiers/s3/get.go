package s3

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"net/http"
	"path"
	"strconv"
	"strings"
	"time"

	"github.com/minio/minio-go/v7"

	"github.com/rdfs/rdfs/tiers"
)

// ReadAt implements tiers.Store. What was read before a connection broke is not read
// again.
func (s *Store) ReadAt(ctx context.Context, key string, p []byte, off int64) error {
	name, err := s.begin(ctx, key)
	if err == nil && off < 0 {
		err = fmt.Errorf("offset %d", off)
	}
	if err == nil {
		err = s.readAt(ctx, name, p, off)
	}
	return s.failed("read", key, err)
}

func (s *Store) readAt(ctx context.Context, name string, p []byte, off int64) error {
	if len(p) == 0 { // a range of nothing cannot be asked for
		info, err := s.stat(ctx, name)
		if err == nil && off > info.Size {
			err = io.ErrUnexpectedEOF
		}
		return err
	}
	got, etag := 0, ""
	var short error
	err := s.try(ctx, transferTime(int64(len(p))), func(ctx context.Context) error {
		opts := minio.GetObjectOptions{ServerSideEncryption: s.read}
		if err := opts.SetRange(off+int64(got), off+int64(len(p))-1); err != nil {
			return err
		}
		if etag != "" {
			if err := opts.SetMatchETag(etag); err != nil {
				return err
			}
		}
		body, info, header, err := s.client.GetObject(ctx, s.bucket, name, opts)
		if err != nil {
			return err
		}
		defer body.Close()
		if total, ok := totalSize(header); ok && off+int64(len(p)) > total {
			short = fmt.Errorf("%d bytes at %d of %d: %w", len(p), off, total, io.ErrUnexpectedEOF)
			return nil
		}
		etag = info.ETag
		n, err := io.ReadFull(body, p[got:])
		got += n
		return err
	})
	return errors.Join(err, short)
}

// totalSize returns the size of the object of which a range was sent.
func totalSize(h http.Header) (int64, bool) {
	_, total, ok := strings.Cut(h.Get("Content-Range"), "/")
	if !ok {
		return 0, false
	}
	n, err := strconv.ParseInt(total, 10, 64)
	return n, err == nil
}

// maxSmall bounds what readAll reads, in bytes.
const maxSmall = 1 << 20

// readAll returns a small object.
func (s *Store) readAll(ctx context.Context, name string) (data []byte, err error) {
	err = s.try(ctx, controlTime, func(ctx context.Context) error {
		body, _, _, err := s.client.GetObject(ctx, s.bucket, name, minio.GetObjectOptions{ServerSideEncryption: s.read})
		if err != nil {
			return err
		}
		defer body.Close()
		var b bytes.Buffer
		_, err = io.Copy(&b, io.LimitReader(body, maxSmall))
		data = b.Bytes()
		return err
	})
	return data, err
}

// List implements tiers.Store. After an error that passes it goes on where it was.
func (s *Store) List(ctx context.Context, prefix string) iter.Seq2[tiers.Info, error] {
	return func(yield func(tiers.Info, error) bool) {
		err := s.ready(ctx)
		// No key begins with what is none, and a server may refuse to look for it.
		more, after := tiers.CheckKey(prefix+"x") == nil, ""
		for err == nil && more {
			var page []tiers.Info
			page, more, err = s.page(ctx, prefix, after)
			for _, info := range page {
				if ctxErr := ctx.Err(); ctxErr != nil {
					err = ctxErr
					break
				}
				after = info.Key
				if info.Key != tiers.MarkerKey && !yield(info, nil) {
					return
				}
			}
		}
		if err != nil {
			yield(tiers.Info{}, s.failed("list", strconv.Quote(prefix), err))
		}
	}
}

// pageSize is how many objects are listed by one request.
const pageSize = 1000

// page returns the objects after a key, and whether there may be more.
func (s *Store) page(ctx context.Context, prefix, after string) (page []tiers.Info, more bool, err error) {
	err = s.try(ctx, controlTime, func(ctx context.Context) error {
		page, more = page[:0], false
		opts := minio.ListObjectsOptions{Prefix: s.prefix + askable(prefix), Recursive: true, MaxKeys: pageSize}
		if after != "" {
			opts.StartAfter = s.prefix + after
		}
		ctx, cancel := context.WithCancel(ctx)
		defer cancel()
		for o := range s.client.Client.ListObjects(ctx, s.bucket, opts) {
			if o.Err != nil {
				return o.Err
			}
			key := strings.TrimPrefix(o.Key, s.prefix)
			if tiers.CheckKey(key) != nil || !strings.HasPrefix(key, prefix) {
				continue // not ours, or not asked for
			}
			page = append(page, tiers.Info{Key: key, Size: o.Size, Modified: o.LastModified.Truncate(time.Second)}) // as Stat says it
			if len(page) == pageSize {
				more = true
				return nil
			}
		}
		return nil
	})
	return page, more, err
}

// askable returns what to ask for to get all keys with a prefix: servers refuse "."
// and ".." as a component, though longer names begin so.
func askable(prefix string) string {
	dir, last := path.Split(prefix)
	if last == "." || last == ".." {
		return dir
	}
	return prefix
}
