package tiertest

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/rdfs/rdfs/internal/blob"
	"github.com/rdfs/rdfs/tiers"
)

// Run tests what tiers.Store promises. newStore is called once for each subtest,
// in its goroutine; it returns an empty store and cleans up with t.Cleanup.
func Run(t *testing.T, newStore func(t *testing.T) tiers.Store) {
	tests := []struct {
		name string
		fn   func(t *testing.T, s tiers.Store)
	}{
		{"PutThenReadGivesTheBytes", putThenRead},
		{"EveryRangeReads", ranges},
		{"ARangeBeyondTheEndIsUnexpectedEOF", beyondEnd},
		{"AnEmptyObjectIsAnObject", emptyObject},
		{"ALargeObjectIsWhole", largeObject},
		{"AnAbsentKeyIsNotFound", absent},
		{"AnExistingKeyKeepsItsBytes", existing},
		{"AnExistingKeyOfAnotherSizeIsCorrupt", existingOtherSize},
		{"AShortSourceLeavesNothing", shortSource},
		{"ABrokenSourceLeavesNothing", brokenSource},
		{"StatTellsKeySizeAndTime", stat},
		{"DeleteMakesRoomForAnother", deleteThenPut},
		{"DeletingTwiceIsSuccess", deleteTwice},
		{"ListIsInOrderAndOfThePrefix", list},
		{"ListStopsWhenAsked", listStops},
		{"ListAllowsCallsWithin", listReentrant},
		{"OneKeyBelowAnotherIsStoredOrRefused", nestedKeys},
		{"BadKeysAreRefused", badKeys},
		{"ACancelledCallFailsAndChangesNothing", cancelled},
		{"RecallOfReadableObjectsSucceeds", recall},
		{"ManyPutsOfOneKeyLeaveOneObject", concurrentPutOneKey},
		{"EverythingAtOnce", concurrentMixed},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) { tt.fn(t, newStore(t)) })
	}
}

func put(t *testing.T, s tiers.Store, key string, data []byte) {
	t.Helper()
	if err := s.Put(t.Context(), key, bytes.NewReader(data), int64(len(data))); err != nil {
		t.Fatalf("put %s: %v", key, err)
	}
}

// wantBytes checks the size and all bytes of an object.
func wantBytes(t *testing.T, s tiers.Store, key string, want []byte) {
	t.Helper()
	info, err := s.Stat(t.Context(), key)
	if err != nil || info.Size != int64(len(want)) {
		t.Errorf("stat %s: got %d bytes, %v; want %d", key, info.Size, err, len(want))
		return
	}
	got := make([]byte, len(want))
	if err := s.ReadAt(t.Context(), key, got, 0); err != nil {
		t.Errorf("read %s: %v", key, err)
	} else if !bytes.Equal(got, want) {
		t.Errorf("read %s: got other bytes than were put", key)
	}
}

// wantAbsent checks that no method finds the object.
func wantAbsent(t *testing.T, s tiers.Store, key string) {
	t.Helper()
	if _, err := s.Stat(t.Context(), key); !errors.Is(err, blob.ErrNotFound) {
		t.Errorf("stat %s: got %v, want %v", key, err, blob.ErrNotFound)
	}
	if err := s.ReadAt(t.Context(), key, make([]byte, 1), 0); !errors.Is(err, blob.ErrNotFound) {
		t.Errorf("read %s: got %v, want %v", key, err, blob.ErrNotFound)
	}
	if keys := listed(t, s, key); slices.Contains(keys, key) {
		t.Errorf("list: got %s", key)
	}
}

func listed(t *testing.T, s tiers.Store, prefix string) []string {
	t.Helper()
	var keys []string
	for info, err := range s.List(t.Context(), prefix) {
		if err != nil {
			t.Fatalf("list %q: %v", prefix, err)
		}
		keys = append(keys, info.Key)
	}
	return keys
}

// pattern returns n bytes that another seed does not give.
func pattern(n int, seed uint64) []byte {
	var key [32]byte
	binary.LittleEndian.PutUint64(key[:], seed)
	p := make([]byte, n)
	rand.NewChaCha8(key).Read(p)
	return p
}

func putThenRead(t *testing.T, s tiers.Store) {
	for i, key := range []string{"a", "packs/00/x", "packs/00/y", "deep/" + strings.Repeat("d/", 20) + "x", "..a/-/_"} {
		put(t, s, key, pattern(1000+i, uint64(i)))
	}
	for i, key := range []string{"a", "packs/00/x", "packs/00/y", "deep/" + strings.Repeat("d/", 20) + "x", "..a/-/_"} {
		wantBytes(t, s, key, pattern(1000+i, uint64(i)))
	}
}

func ranges(t *testing.T, s tiers.Store) {
	data := pattern(10_000, 1)
	put(t, s, "k", data)
	for _, r := range [][2]int{{0, 0}, {0, 1}, {0, 10_000}, {1, 9_999}, {9_999, 1}, {10_000, 0}, {4_095, 2}, {512, 4_096}} {
		got := make([]byte, r[1])
		if err := s.ReadAt(t.Context(), "k", got, int64(r[0])); err != nil {
			t.Errorf("%d bytes at %d: %v", r[1], r[0], err)
		} else if !bytes.Equal(got, data[r[0]:r[0]+r[1]]) {
			t.Errorf("%d bytes at %d: got other bytes", r[1], r[0])
		}
	}
}

func beyondEnd(t *testing.T, s tiers.Store) {
	put(t, s, "k", pattern(100, 1))
	for _, r := range [][2]int{{0, 101}, {99, 2}, {100, 1}, {101, 1}, {1 << 40, 1}} {
		err := s.ReadAt(t.Context(), "k", make([]byte, r[1]), int64(r[0]))
		if !errors.Is(err, io.ErrUnexpectedEOF) {
			t.Errorf("%d bytes at %d of 100: got %v, want %v", r[1], r[0], err, io.ErrUnexpectedEOF)
		} else if !strings.Contains(err.Error(), "k") {
			t.Errorf("%v: does not name the key", err)
		}
	}
	if err := s.ReadAt(t.Context(), "k", make([]byte, 1), -1); err == nil {
		t.Error("a negative offset: got no error")
	}
}

func emptyObject(t *testing.T, s tiers.Store) {
	put(t, s, "empty", nil)
	wantBytes(t, s, "empty", nil)
	if err := s.ReadAt(t.Context(), "empty", make([]byte, 1), 0); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("got %v, want %v", err, io.ErrUnexpectedEOF)
	}
	if got := listed(t, s, ""); !slices.Equal(got, []string{"empty"}) {
		t.Errorf("got keys %q, want empty", got)
	}
}

func largeObject(t *testing.T, s tiers.Store) {
	data := pattern(20<<20+13, 1)
	put(t, s, "packs/large", data)
	wantBytes(t, s, "packs/large", data)
	tail := make([]byte, 13)
	if err := s.ReadAt(t.Context(), "packs/large", tail, 20<<20); err != nil || !bytes.Equal(tail, data[20<<20:]) {
		t.Errorf("the tail: got other bytes, %v", err)
	}
}

func absent(t *testing.T, s tiers.Store) {
	wantAbsent(t, s, "nothing")
	wantAbsent(t, s, "no/such/thing")
	put(t, s, "dir/object", []byte("x"))
	wantAbsent(t, s, "dir") // a prefix is no object
	wantAbsent(t, s, "dir/object2")
	if _, err := s.Stat(t.Context(), "nothing"); !strings.Contains(err.Error(), "nothing") {
		t.Errorf("%v: does not name the key", err)
	}
}

func existing(t *testing.T, s tiers.Store) {
	first, second := pattern(5000, 1), pattern(5000, 2)
	put(t, s, "packs/k", first)
	put(t, s, "packs/k", first)
	put(t, s, "packs/k", second)
	wantBytes(t, s, "packs/k", first)
	if got := listed(t, s, ""); len(got) != 1 {
		t.Errorf("got keys %q, want one", got)
	}
}

func existingOtherSize(t *testing.T, s tiers.Store) {
	first := pattern(5000, 1)
	put(t, s, "k", first)
	for _, size := range []int{0, 4999, 5001} {
		err := s.Put(t.Context(), "k", bytes.NewReader(pattern(size, 2)), int64(size))
		if !errors.Is(err, blob.ErrCorrupt) {
			t.Errorf("put of %d bytes over 5000: got %v, want %v", size, err, blob.ErrCorrupt)
		}
	}
	wantBytes(t, s, "k", first)
}

func shortSource(t *testing.T, s tiers.Store) {
	data := pattern(1000, 1)
	if err := s.Put(t.Context(), "k", bytes.NewReader(data), 1001); err == nil {
		t.Error("a source that ends early: got no error")
	}
	wantAbsent(t, s, "k")
	if err := s.Put(t.Context(), "k", bytes.NewReader(data), -1); err == nil {
		t.Error("a negative size: got no error")
	}
	wantAbsent(t, s, "k")
	// A longer source is read up to the size.
	if err := s.Put(t.Context(), "k", bytes.NewReader(data), 999); err != nil {
		t.Error(err)
	}
	wantBytes(t, s, "k", data[:999])
}

var errSource = errors.New("source broke")

// brokenReaderAt fails behind its first limit bytes.
type brokenReaderAt struct {
	data  []byte
	limit int64
}

func (b brokenReaderAt) ReadAt(p []byte, off int64) (int, error) {
	if off+int64(len(p)) <= b.limit {
		return copy(p, b.data[off:]), nil
	}
	return copy(p, b.data[min(off, b.limit):b.limit]), errSource
}

func brokenSource(t *testing.T, s tiers.Store) {
	data := pattern(1<<20, 1)
	err := s.Put(t.Context(), "k", brokenReaderAt{data, 700_000}, int64(len(data)))
	if !errors.Is(err, errSource) {
		t.Errorf("got %v, want %v", err, errSource)
	}
	wantAbsent(t, s, "k")
	put(t, s, "k", data)
	wantBytes(t, s, "k", data)
}

func stat(t *testing.T, s tiers.Store) {
	put(t, s, "packs/k", pattern(123, 1))
	info, err := s.Stat(t.Context(), "packs/k")
	if err != nil || info.Key != "packs/k" || info.Size != 123 || info.Modified.IsZero() {
		t.Fatalf("got %+v, %v", info, err)
	}
	for got, err := range s.List(t.Context(), "packs/") {
		if err != nil || got.Key != info.Key || got.Size != info.Size || !got.Modified.Equal(info.Modified) {
			t.Errorf("list: got %+v, %v; want %+v as stat says", got, err, info)
		}
	}
}

func deleteThenPut(t *testing.T, s tiers.Store) {
	put(t, s, "packs/k", pattern(100, 1))
	wantBytes(t, s, "packs/k", pattern(100, 1)) // so that a cache of open objects would notice
	if err := s.Delete(t.Context(), "packs/k"); err != nil {
		t.Fatal(err)
	}
	wantAbsent(t, s, "packs/k")
	put(t, s, "packs/k", pattern(200, 2))
	wantBytes(t, s, "packs/k", pattern(200, 2))
}

func deleteTwice(t *testing.T, s tiers.Store) {
	put(t, s, "a/k", nil)
	put(t, s, "a/l", nil)
	for range 2 {
		for _, key := range []string{"a/k", "never", "no/such"} {
			if err := s.Delete(t.Context(), key); err != nil {
				t.Errorf("delete %s: %v", key, err)
			}
		}
	}
	if got := listed(t, s, ""); !slices.Equal(got, []string{"a/l"}) {
		t.Errorf("got keys %q, want a/l", got)
	}
}

func list(t *testing.T, s tiers.Store) {
	if got := listed(t, s, ""); len(got) != 0 {
		t.Fatalf("an empty store lists %q", got)
	}
	// '-' and '.' sort before '/', letters and digits behind it: an order that a
	// walk of directories gets wrong.
	keys := []string{"a-b", "a.b", "a/b", "a/b2", "a/c-d", "a/c/d", "a0b", "aa", "b/x", "b/y/z", "packs/00/1", "packs/01/2", "packs-old/3", "B/x", "Z"}
	shuffled := slices.Clone(keys)
	rand.New(rand.NewPCG(1, 1)).Shuffle(len(shuffled), func(i, j int) { shuffled[i], shuffled[j] = shuffled[j], shuffled[i] })
	for _, key := range shuffled {
		put(t, s, key, []byte(key))
	}
	slices.Sort(keys)
	prefixes := []string{"", "a", "a-", "a/", "a/b", "a/b2", "a/c", "a/c/", "a/c/d", "a/c/d/", "b/y", "p", "packs", "packs/", "packs/0", "packs/01/",
		"q", "packs/02", "/", "a//", "../", "a/../", ".", "~"}
	for _, prefix := range prefixes {
		var want []string
		for _, key := range keys {
			if strings.HasPrefix(key, prefix) {
				want = append(want, key)
			}
		}
		if got := listed(t, s, prefix); !slices.Equal(got, want) {
			t.Errorf("list %q: got %q, want %q", prefix, got, want)
		}
	}
}

func listStops(t *testing.T, s tiers.Store) {
	for i := range 10 {
		put(t, s, fmt.Sprintf("d%d/k", i), nil)
	}
	var got []string
	for info, err := range s.List(t.Context(), "") {
		if err != nil {
			t.Fatal(err)
		}
		if got = append(got, info.Key); len(got) == 3 {
			break
		}
	}
	if want := []string{"d0/k", "d1/k", "d2/k"}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

func listReentrant(t *testing.T, s tiers.Store) {
	for i := range 20 {
		put(t, s, fmt.Sprintf("d%02d/k", i), []byte("x"))
	}
	n := 0
	for info, err := range s.List(t.Context(), "") {
		if err != nil {
			t.Fatal(err)
		}
		n++
		if err := s.ReadAt(t.Context(), info.Key, make([]byte, 1), 0); err != nil {
			t.Error(err)
		}
		if err := s.Delete(t.Context(), info.Key); err != nil {
			t.Error(err)
		}
	}
	if n != 20 {
		t.Errorf("got %d objects, want 20", n)
	}
	if got := listed(t, s, ""); len(got) != 0 {
		t.Errorf("left %q", got)
	}
}

// nestedKeys: a bucket holds both "a" and "a/b", a directory cannot. Whoever
// cannot has to say so and leave the first alone.
func nestedKeys(t *testing.T, s tiers.Store) {
	for _, keys := range [][2]string{{"x", "x/y"}, {"p/q/r", "p/q"}} {
		put(t, s, keys[0], []byte("first"))
		err := s.Put(t.Context(), keys[1], strings.NewReader("second"), 6)
		wantBytes(t, s, keys[0], []byte("first"))
		if err == nil {
			wantBytes(t, s, keys[1], []byte("second"))
		} else {
			wantAbsent(t, s, keys[1])
			if err := s.Delete(t.Context(), keys[1]); err != nil {
				t.Errorf("delete of an absent key: %v", err)
			}
			wantBytes(t, s, keys[0], []byte("first"))
		}
	}
}

func badKeys(t *testing.T, s tiers.Store) {
	ctx := t.Context()
	for _, key := range []string{"", "/", "/a", "a/", "a//b", ".", "..", "../a", "a/../b", "a/..", "a b", "a\x00b", "a~", "ä", "a\\b", strings.Repeat("k", tiers.MaxKey+1)} {
		errs := map[string]error{
			"put":    s.Put(ctx, key, strings.NewReader("x"), 1),
			"read":   s.ReadAt(ctx, key, make([]byte, 1), 0),
			"delete": s.Delete(ctx, key),
			"recall": s.Recall(ctx, key),
		}
		_, errs["stat"] = s.Stat(ctx, key)
		for op, err := range errs {
			if err == nil {
				t.Errorf("%s %q: got no error", op, key)
			} else if errors.Is(err, blob.ErrNotFound) || errors.Is(err, blob.ErrOffline) {
				t.Errorf("%s %q: got %v; a bad key is another thing", op, key, err)
			}
		}
	}
	if got := listed(t, s, ""); len(got) != 0 {
		t.Errorf("got keys %q, want none", got)
	}
}

// cancelReaderAt cancels a context when it is first read.
type cancelReaderAt struct {
	io.ReaderAt
	cancel context.CancelFunc
}

func (c cancelReaderAt) ReadAt(p []byte, off int64) (int, error) {
	c.cancel()
	return c.ReaderAt.ReadAt(p, off)
}

func cancelled(t *testing.T, s tiers.Store) {
	put(t, s, "k", []byte("x"))
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	errs := map[string]error{
		"put":    s.Put(ctx, "new", strings.NewReader("x"), 1),
		"read":   s.ReadAt(ctx, "k", make([]byte, 1), 0),
		"delete": s.Delete(ctx, "k"),
	}
	_, errs["stat"] = s.Stat(ctx, "k")
	n := 0
	for info, err := range s.List(ctx, "") {
		n++
		errs["list"] = err
		if err != nil && info != (tiers.Info{}) {
			t.Errorf("list: got %+v beside an error", info)
		}
	}
	if n != 1 {
		t.Errorf("list yielded %d times, want its error once", n)
	}
	for op, err := range errs {
		if !errors.Is(err, context.Canceled) {
			t.Errorf("%s: got %v, want %v", op, err, context.Canceled)
		}
	}
	wantAbsent(t, s, "new")
	wantBytes(t, s, "k", []byte("x"))

	// A cancel in the middle leaves the object whole or not there.
	ctx, cancel = context.WithCancel(t.Context())
	defer cancel()
	data := pattern(4<<20, 1)
	if err := s.Put(ctx, "half", cancelReaderAt{bytes.NewReader(data), cancel}, int64(len(data))); err != nil {
		if !errors.Is(err, context.Canceled) {
			t.Errorf("put: got %v, want %v", err, context.Canceled)
		}
		put(t, s, "half", data)
	}
	wantBytes(t, s, "half", data)
}

func recall(t *testing.T, s tiers.Store) {
	put(t, s, "a", []byte("x"))
	put(t, s, "b", []byte("x"))
	for _, keys := range [][]string{nil, {"a"}, {"a", "b"}} {
		if err := s.Recall(t.Context(), keys...); err != nil {
			t.Errorf("recall %q: %v", keys, err)
		}
	}
	wantBytes(t, s, "a", []byte("x"))
}
