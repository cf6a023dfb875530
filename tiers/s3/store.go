package s3

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/encrypt"
	"github.com/minio/minio-go/v7/pkg/s3utils"

	"github.com/rdfs/rdfs/internal/blob"
	"github.com/rdfs/rdfs/tiers"
)

// Store is a tier in a bucket. It implements tiers.Store and is safe for concurrent
// use.
type Store struct {
	client  minio.Core    // tries once
	parts   *minio.Client // tries each part of an object by itself
	bucket  string
	idle    func() // closes idle connections
	prefix  string // before each key; empty, or ends in a slash
	place   string // for people: s3://bucket/prefix at host
	repoID  string
	o       Options
	log     *slog.Logger
	write   encrypt.ServerSide
	read    encrypt.ServerSide
	breaker breaker

	mu        sync.Mutex
	ours      bool // the marker was seen
	versioned bool // the bucket keeps what is deleted
}

var _ tiers.Store = (*Store)(nil)

// connections is how many idle connections to the server are kept.
const connections = 32

// Open returns the tier of the repository with the id repoID. It does not speak to
// the server: whether the bucket is there, and is this repository's, is found out by
// the first call.
func Open(repoID string, o Options) (*Store, error) {
	o = o.withDefaults()
	s := &Store{bucket: o.Bucket, repoID: repoID, o: o, log: o.Logger, place: fmt.Sprintf("s3://%s/%s", o.Bucket, o.Prefix)}
	fail := func(err error) (*Store, error) { return nil, fmt.Errorf("tier %s: %w", s.place, err) }
	host, secure, err := o.endpoint()
	if err != nil {
		return fail(err)
	}
	if s.prefix, err = o.prefix(); err != nil {
		return fail(err)
	}
	s.place += " at " + host
	if err := s3utils.CheckValidBucketNameStrict(o.Bucket); err != nil {
		return fail(fmt.Errorf("bucket: %w", err))
	}
	creds, err := o.credentials()
	if err != nil {
		return fail(err)
	}
	if s.write, s.read, err = o.encryption(secure); err != nil {
		return fail(err)
	}
	conf, err := o.tls()
	if err != nil {
		return fail(err)
	}
	transport := newTransport(conf, o.Stall, connections)
	s.idle = transport.next.CloseIdleConnections
	mo := minio.Options{
		Creds: creds, Secure: secure, Region: o.Region, TrailingHeaders: !o.GCS,
		MaxRetries: 1, // ours are better informed
		Transport:  transport,
	}
	client, err := minio.NewCore(host, &mo)
	if err != nil {
		return fail(err)
	}
	s.client = *client
	mo.MaxRetries = tries
	if s.parts, err = minio.New(host, &mo); err != nil {
		return fail(err)
	}
	return s, nil
}

// Create makes the place into an empty tier of the repository with the id repoID. A
// place that is one already is success.
func Create(ctx context.Context, repoID string, o Options) error {
	s, err := Open(repoID, o)
	if err != nil {
		return err
	}
	text, err := tiers.Marker(repoID, s.o.Now())
	if err == nil {
		err = s.send(ctx, s.prefix+tiers.MarkerKey, &source{r: bytesAt(text), size: int64(len(text))})
	}
	if errors.Is(err, errExists) {
		err = s.checkMarker(ctx)
	}
	if err != nil {
		return fmt.Errorf("create tier %s: %w", s.place, err)
	}
	return nil
}

// Close closes idle connections. Calls under way end as they would.
func (s *Store) Close() error {
	s.idle()
	return nil
}

// Owner returns the id of the repository whose tier is in the place.
func Owner(ctx context.Context, o Options) (repoID string, err error) {
	s, err := Open("", o)
	if err != nil {
		return "", err
	}
	defer s.Close()
	text, err := s.marker(ctx)
	if err == nil {
		repoID, err = tiers.Owner(s.place, text)
	}
	if err != nil {
		return "", fmt.Errorf("tier %s: %w", s.place, err)
	}
	return repoID, nil
}

// begin is what every operation on a key starts with. It returns the key in the bucket.
func (s *Store) begin(ctx context.Context, key string) (name string, err error) {
	if err := tiers.CheckKey(key); err != nil {
		return "", err
	}
	if key == tiers.MarkerKey {
		return "", fmt.Errorf("bad key %q: it names the marker of the tier", key)
	}
	return s.prefix + key, s.ready(ctx)
}

// ready returns nil when the bucket is known to be this repository's.
func (s *Store) ready(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	s.mu.Lock()
	ours := s.ours
	s.mu.Unlock()
	if ours {
		return nil
	}
	return s.checkMarker(ctx)
}

// checkMarker looks whose the bucket is, and whether it keeps versions.
func (s *Store) checkMarker(ctx context.Context) error {
	text, err := s.marker(ctx)
	if err == nil {
		err = tiers.CheckMarker(s.place, text, s.repoID)
	}
	if err != nil {
		return err
	}
	versioned := false
	err = s.try(ctx, controlTime, func(ctx context.Context) error {
		v, err := s.client.GetBucketVersioning(ctx, s.bucket)
		versioned = v.Enabled() || v.Suspended()
		return err
	})
	if err != nil {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		s.log.Info("whether the bucket keeps versions is not known: what is deleted may stay there", "tier", s.place, "err", err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.ours, s.versioned = true, versioned
	return nil
}

func (s *Store) marker(ctx context.Context) ([]byte, error) {
	text, err := s.readAll(ctx, s.prefix+tiers.MarkerKey)
	if errors.Is(err, blob.ErrNotFound) {
		err = fmt.Errorf("%w: %s is not a tier: it has no %s; if the bucket and the prefix are right, "+
			"its marker was removed: write it anew as FORMAT.md of package tiers/dir says", blob.ErrOffline, s.place, tiers.MarkerKey)
	}
	return text, err
}

// Bounds of a call.
const (
	controlTime = 30 * time.Second // without bytes to speak of
	slowest     = 64 << 10         // bytes a second that a transfer may be slow
	tries       = 5
)

// transferTime is how long size bytes may take.
func transferTime(size int64) time.Duration {
	return controlTime + time.Duration(size/slowest)*time.Second
}

// try calls fn, each time for at most limit, until it succeeds or another try is of
// no use. The error is that of judge.
func (s *Store) try(ctx context.Context, limit time.Duration, fn func(context.Context) error) error {
	for n := 1; ; n++ {
		ok, last := s.breaker.enter(s.o.Now())
		if !ok {
			return fmt.Errorf("%w (it failed again and again; it is tried again in a moment)", last)
		}
		call, cancel := context.WithTimeout(ctx, limit)
		err := fn(call)
		cancel()
		if err == nil {
			s.breaker.succeeded()
			return nil
		}
		var mine *sourceError
		if errors.As(err, &mine) {
			s.breaker.left()
			return mine.err
		}
		v, err := judge(ctx, err)
		switch {
		case ctx.Err() != nil:
			s.breaker.left()
			return err
		case v == passing:
			s.breaker.failure(s.o.Now(), err)
		default:
			s.breaker.succeeded()
		}
		if v != passing || n == tries {
			return err
		}
		pause := s.o.pause << (n - 1)
		pause += rand.N(pause / 2) // many callers do not come back at once
		s.log.Debug("trying again", "tier", s.place, "try", n, "after", pause, "err", err)
		select {
		case <-time.After(pause):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// failed adds the operation and the key to an error.
func (s *Store) failed(op, key string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s %s in %s: %w", op, key, s.place, err)
}

// Stat implements tiers.Store.
func (s *Store) Stat(ctx context.Context, key string) (tiers.Info, error) {
	name, err := s.begin(ctx, key)
	if err != nil {
		return tiers.Info{}, s.failed("stat", key, err)
	}
	info, err := s.stat(ctx, name)
	return tiers.Info{Key: key, Size: info.Size, Modified: info.LastModified}, s.failed("stat", key, err)
}

func (s *Store) stat(ctx context.Context, name string) (info minio.ObjectInfo, err error) {
	err = s.try(ctx, controlTime, func(ctx context.Context) (err error) {
		info, err = s.client.StatObject(ctx, s.bucket, name, minio.StatObjectOptions{ServerSideEncryption: s.read})
		return err
	})
	return info, err
}

// Delete implements tiers.Store.
func (s *Store) Delete(ctx context.Context, key string) error {
	name, err := s.begin(ctx, key)
	if err == nil {
		err = s.remove(ctx, name)
	}
	if errors.Is(err, blob.ErrNotFound) {
		err = nil
	}
	return s.failed("delete", key, err)
}

func (s *Store) remove(ctx context.Context, name string) error {
	s.mu.Lock()
	versioned := s.versioned
	s.mu.Unlock()
	if !versioned {
		return s.removeVersion(ctx, name, "")
	}
	var ids []string
	err := s.try(ctx, controlTime, func(ctx context.Context) error {
		ids = ids[:0]
		ctx, cancel := context.WithCancel(ctx)
		defer cancel()
		for o := range s.client.Client.ListObjects(ctx, s.bucket, minio.ListObjectsOptions{Prefix: name, WithVersions: true}) {
			if o.Err != nil {
				return o.Err
			}
			if o.Key == name {
				ids = append(ids, o.VersionID)
			}
		}
		return nil
	})
	for _, id := range ids {
		if err == nil {
			err = s.removeVersion(ctx, name, id)
		}
	}
	return err
}

func (s *Store) removeVersion(ctx context.Context, name, id string) error {
	return s.try(ctx, controlTime, func(ctx context.Context) error {
		return s.client.RemoveObject(ctx, s.bucket, name, minio.RemoveObjectOptions{VersionID: id})
	})
}

// recallDays is how long a recalled object stays readable.
const recallDays = 7

// Recall implements tiers.Store. Objects that can be read are passed over.
func (s *Store) Recall(ctx context.Context, keys ...string) error {
	for _, key := range keys {
		name, err := s.begin(ctx, key)
		if err == nil {
			err = s.recall(ctx, name)
		}
		if err != nil {
			return s.failed("recall", key, err)
		}
	}
	return nil
}

func (s *Store) recall(ctx context.Context, name string) error {
	info, err := s.stat(ctx, name)
	if errors.Is(err, blob.ErrNotFound) {
		return nil
	}
	if err != nil || !archived(&info) {
		return err
	}
	var req minio.RestoreRequest
	req.SetDays(recallDays)
	req.SetGlacierJobParameters(minio.GlacierJobParameters{Tier: minio.TierStandard})
	return s.try(ctx, controlTime, func(ctx context.Context) error {
		return s.client.RestoreObject(ctx, s.bucket, name, "", req)
	})
}

// archived reports whether an object must be recalled before it can be read.
func archived(info *minio.ObjectInfo) bool {
	switch info.Metadata.Get("X-Amz-Storage-Class") {
	case "GLACIER", "DEEP_ARCHIVE":
		return info.Restore == nil || info.Restore.ExpiryTime.IsZero() && !info.Restore.OngoingRestore
	}
	return false
}
