package keys

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/rdfs/rdfs/internal/blob"
	"github.com/rdfs/rdfs/internal/crypt"
	"github.com/rdfs/rdfs/internal/disk"
	"github.com/rdfs/rdfs/tiers"
)

// Options of the keys of a repository. Dir, Repository and Now are required.
type Options struct {
	Dir        string // REPO/keys
	Repository string // id
	// One says that all files have one key; else each directory in the root has its own.
	One bool
	Now func() time.Time
	FS  disk.FS // default disk.OS
}

// ErrWrongKey: no slot opens with the secret.
var ErrWrongKey = errors.New("wrong key: no key slot of the repository opens with it")

// ErrNoKeys: there are no keys in the repository, nor in the tier.
var ErrNoKeys = errors.New("the keys of the repository are missing")

// Keys are the keys of a repository, opened. It is safe for concurrent use.
type Keys struct {
	o    Options
	ring *crypt.Ring

	mu     sync.Mutex // guards what follows; held while the network is waited for
	tier   tiers.Store
	gen    int
	master []byte
	slots  map[string]slot
	data   map[crypt.Number]dataKey
	all    map[name]copies // as far as is known
	synced bool            // both sides have all of it
}

// dataKey is what an object of a data key holds, sealed: JSON.
type dataKey struct {
	Scope   uint64    `json:"scope"`
	Label   string    `json:"label"` // name of the directory when the key was made
	Since   int       `json:"since"` // generation in which it was made: it seals until the next
	Created time.Time `json:"created"`
	Secret  []byte    `json:"secret"`
}

// sealedKey is the object of a data key: JSON.
type sealedKey struct {
	Format int    `json:"format"`
	Nonce  []byte `json:"nonce"`
	Sealed []byte `json:"sealed"`
}

func (o Options) withDefaults() Options {
	if o.FS == nil {
		o.FS = disk.OS
	}
	return o
}

func dataName(gen int, n crypt.Number) name { return name{gen, "data", fmt.Sprintf("%08d", n)} }

// Make makes the keys of a new repository, with one slot. Nothing is in the tier before
// Open.
func Make(o Options, s Secret) error {
	o = o.withDefaults()
	if err := s.Check(); err != nil {
		return err
	}
	k := &Keys{o: o, gen: 1, master: random(crypt.SecretSize)}
	own := dataKey{Since: 1, Created: o.Now().UTC().Truncate(time.Second), Secret: random(crypt.SecretSize)}
	if err := o.putLocal(dataName(1, 1), k.sealData(dataName(1, 1), own)); err != nil {
		return fmt.Errorf("make keys: %w", err)
	}
	n, data, err := k.newSlot(s)
	if err == nil {
		err = o.putLocal(n, data)
	}
	if err != nil {
		return fmt.Errorf("make keys: %w", err)
	}
	return nil
}

// InTier reports whether a tier holds the keys of a repository: it is encrypted.
func InTier(ctx context.Context, s tiers.Store) (bool, error) {
	for _, err := range s.List(ctx, Prefix) {
		return err == nil, err
	}
	return false, nil
}

// Exist reports whether dir holds keys.
func Exist(dir string) bool {
	entries, err := os.ReadDir(dir)
	return err == nil && len(entries) > 0
}

// Open opens the keys with a secret. store is the tier, nil if it is not open yet; one that cannot be reached is no
// obstacle when the repository has the keys, but nothing can be sealed before it is
// reached. Errors wrap ErrWrongKey or ErrNoKeys where they apply; nothing was changed then.
func Open(ctx context.Context, o Options, store tiers.Store, s Secret) (*Keys, error) {
	k := &Keys{o: o.withDefaults(), tier: store, all: make(map[name]copies)}
	if err := readLocal(k.o.FS, o.Dir, k.all); err != nil {
		return nil, fmt.Errorf("keys: %w", err)
	}
	found := len(k.all) > 0
	var tierErr error
	if store != nil {
		tierErr = readTier(ctx, store, k.all)
	}
	if tierErr != nil && (!found || !errors.Is(tierErr, blob.ErrOffline)) {
		return nil, fmt.Errorf("keys: %w", tierErr)
	}
	if len(k.all) == 0 {
		return nil, ErrNoKeys
	}
	var exp *export
	if s.Kind == File && isExport(s.Bytes) {
		var err error
		if exp, err = parseExport(s.Bytes, o.Repository); err != nil {
			return nil, err
		}
	}
	if err := k.unlock(s, exp); err != nil {
		return nil, err
	}
	if err := k.openData(exp); err != nil {
		return nil, err
	}
	if store != nil && tierErr == nil {
		if err := k.sync(ctx); err != nil && !errors.Is(err, blob.ErrOffline) {
			return nil, fmt.Errorf("keys: %w", err)
		}
	}
	return k, nil
}

// newest returns the newest generation that counts: one that has a slot.
func (k *Keys) newest() (gen int) {
	for n := range k.all {
		if n.kind == "slot" {
			gen = max(gen, n.gen)
		}
	}
	return gen
}

// unlock finds the master key.
func (k *Keys) unlock(s Secret, exp *export) error {
	k.gen, k.slots = k.newest(), make(map[string]slot)
	var damaged error
	for n, c := range k.all {
		if n.kind != "slot" || n.gen != k.gen {
			continue
		}
		for _, text := range []*[]byte{&c.local, &c.tier} {
			if *text == nil {
				continue
			}
			x, master, err := k.openSlot(n, *text, s)
			if err != nil {
				damaged, *text = errors.Join(damaged, err), nil // the other copy takes its place
				continue
			}
			k.slots[n.id] = x
			if master != nil {
				k.master = master
			}
		}
		k.all[n] = c
	}
	switch {
	case exp != nil && (k.gen == 0 || exp.Generation == k.gen):
		k.gen, k.master = exp.Generation, exp.Master
	case exp != nil:
		return fmt.Errorf("%w: the key was exported before the keys were rotated", ErrWrongKey)
	case k.master == nil && damaged != nil:
		return damaged
	case k.master == nil:
		return ErrWrongKey
	}
	return nil
}

// openSlot reads a slot; the master key is nil if the secret does not open it.
func (k *Keys) openSlot(n name, text []byte, s Secret) (x slot, master []byte, err error) {
	if err := version(n, text); err != nil {
		return x, nil, err
	}
	if err := json.Unmarshal(text, &x); err != nil || len(x.Nonce) != 12 {
		return x, nil, fmt.Errorf("%s: %w: not a key slot", n, blob.ErrCorrupt)
	}
	if x.Kind != s.Kind || k.master != nil || isExport(s.Bytes) {
		return x, nil, nil
	}
	kek, err := x.Argon2.key(s)
	if err != nil {
		return x, nil, fmt.Errorf("%s: %w: %w", n, blob.ErrCorrupt, err)
	}
	if master, err = gcm(kek).Open(nil, x.Nonce, x.Sealed, k.o.bound(n)); err != nil {
		return x, nil, nil
	}
	return x, master, nil
}

// newSlot makes a slot of the generation.
func (k *Keys) newSlot(s Secret) (name, []byte, error) {
	n := name{k.gen, "slot", fmt.Sprintf("%x", random(4))}
	x := slot{Format: format, Kind: s.Kind, Created: k.o.Now().UTC().Truncate(time.Second), Argon2: newKDF, Nonce: random(12)}
	x.Argon2.Salt = random(16)
	kek, err := x.Argon2.key(s)
	if err != nil {
		return n, nil, err
	}
	x.Sealed = gcm(kek).Seal(nil, x.Nonce, k.master, k.o.bound(n))
	text, err := json.MarshalIndent(x, "", "  ")
	return n, append(text, '\n'), err
}

func (k *Keys) sealData(n name, d dataKey) []byte {
	plain, err := json.Marshal(d)
	if err != nil {
		panic(err) // it is plain data
	}
	// With spaces, so that its size does not tell how long the name of the directory is.
	plain = append(plain, bytes.Repeat([]byte(" "), 512-len(plain)%512)...)
	x := sealedKey{Format: format, Nonce: random(12)}
	x.Sealed = gcm(k.master).Seal(nil, x.Nonce, plain, k.o.bound(n))
	text, err := json.MarshalIndent(x, "", "  ")
	if err != nil {
		panic(err)
	}
	return append(text, '\n')
}

func (k *Keys) openDataKey(n name, text []byte) (d dataKey, err error) {
	if err := version(n, text); err != nil {
		return d, err
	}
	var x sealedKey
	if json.Unmarshal(text, &x) == nil && len(x.Nonce) == 12 {
		if plain, err := gcm(k.master).Open(nil, x.Nonce, x.Sealed, k.o.bound(n)); err == nil {
			if json.Unmarshal(plain, &d) == nil && len(d.Secret) == crypt.SecretSize {
				return d, nil
			}
		}
	}
	return d, fmt.Errorf("%s: %w: it was not sealed by the master key, or was changed", n, blob.ErrCorrupt)
}

// openData opens the data keys that are not open yet. What an export has and nothing else
// is taken from there.
func (k *Keys) openData(exp *export) error {
	if k.data == nil {
		k.data, k.ring = make(map[crypt.Number]dataKey), crypt.NewRing()
	}
	if exp != nil {
		for _, e := range exp.Keys {
			n := dataName(k.gen, e.Number)
			k.data[e.Number], k.all[n] = e.dataKey, k.all[n]
		}
	}
	for n, c := range k.all {
		if n.kind != "data" || n.gen != k.gen {
			continue
		}
		number, err := n.number()
		if err != nil {
			return err
		}
		var problem error
		for _, text := range []*[]byte{&c.local, &c.tier} {
			if *text == nil {
				continue
			}
			d, err := k.openDataKey(n, *text)
			if err != nil {
				problem, *text = errors.Join(problem, err), nil // another copy takes its place
				continue
			}
			if was, ok := k.data[number]; ok && !bytes.Equal(was.Secret, d.Secret) {
				return fmt.Errorf("%s: %w: there are two keys of this number: was the tier used by two copies of the repository?", n, blob.ErrCorrupt)
			}
			k.data[number] = d
		}
		if _, ok := k.data[number]; !ok {
			return problem
		}
		k.all[n] = c
	}
	for number, d := range k.data {
		k.ring.Add(d.key(number))
	}
	if k.ring.Own() == 0 {
		return fmt.Errorf("%w: the key of the repository itself is not among them", ErrNoKeys)
	}
	return nil
}

func (d dataKey) key(n crypt.Number) crypt.DataKey {
	return crypt.DataKey{Number: n, Scope: d.Scope, Secret: [crypt.SecretSize]byte(d.Secret)}
}

// Attach says which tier has the keys as well. It does not reach for it.
func (k *Keys) Attach(store tiers.Store) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.tier = store
}

// Ring returns the data keys.
func (k *Keys) Ring() *crypt.Ring { return k.ring }

// sync gives either side what only the other has, and removes older generations. k.mu is
// held, or nobody else has k.
func (k *Keys) sync(ctx context.Context) error {
	if k.synced {
		return nil
	}
	names := make([]name, 0, len(k.all))
	for n := range k.all {
		names = append(names, n)
	}
	// Slots come last: they make a generation count.
	slices.SortFunc(names, func(a, b name) int {
		return strings.Compare(a.kind, b.kind) // "data" before "slot"
	})
	for _, n := range names {
		if n.gen != k.gen {
			continue
		}
		if err := k.keep(ctx, n, k.all[n]); err != nil {
			return err
		}
	}
	for _, n := range names {
		if n.gen >= k.gen {
			continue
		}
		if err := errors.Join(k.o.removeLocal(n), k.tier.Delete(ctx, n.String())); err != nil {
			return err
		}
		delete(k.all, n)
	}
	k.synced = true
	return nil
}

// keep brings an object to both sides.
func (k *Keys) keep(ctx context.Context, n name, c copies) error {
	text := c.local
	if text == nil {
		text = c.tier
	}
	if text == nil && n.kind == "data" { // damaged on both sides, or only in an export
		number, err := n.number()
		if err != nil {
			return err
		}
		text = k.sealData(n, k.data[number])
	}
	if text == nil {
		return nil // a slot that is damaged on both sides: another one has opened
	}
	if c.local == nil {
		if err := k.o.removeLocal(n); err != nil {
			return err
		}
		if err := k.o.putLocal(n, text); err != nil {
			return err
		}
	}
	if c.tier == nil {
		if err := k.tier.Delete(ctx, n.String()); err != nil { // a damaged one
			return err
		}
		if err := putTier(ctx, k.tier, n, text); err != nil {
			return err
		}
	}
	k.all[n] = copies{text, text}
	return nil
}

// Ready returns nil when the tier has all keys, and sees to it that it has.
func (k *Keys) Ready(ctx context.Context) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.ready(ctx)
}

// ready is Ready with k.mu held.
func (k *Keys) ready(ctx context.Context) error {
	if k.synced {
		return nil
	}
	if k.tier == nil {
		return errors.New("keys: the tier is not open")
	}
	// The tier could not be looked at, or something was not stored there.
	seen := make(map[name]copies)
	if err := readTier(ctx, k.tier, seen); err != nil {
		return fmt.Errorf("keys: %w", err)
	}
	for n, c := range seen {
		mine := k.all[n]
		mine.tier = c.tier
		k.all[n] = mine
	}
	if k.newest() > k.gen {
		return fmt.Errorf("keys: the tier holds newer keys than the repository: mount again")
	}
	if err := k.openData(nil); err != nil {
		return err
	}
	if err := k.sync(ctx); err != nil {
		return fmt.Errorf("keys: %w", err)
	}
	return nil
}

// For returns the key of files below a directory in the root of the drive; see
// volume.Keys.
func (k *Keys) For(ctx context.Context, top uint64, label string) (crypt.Number, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if err := k.ready(ctx); err != nil {
		return 0, err
	}
	if k.o.One || top == 0 {
		return k.ring.Own(), nil
	}
	last := crypt.Number(0)
	for n, d := range k.data {
		if d.Scope == top && d.Since == k.gen {
			return n, nil
		}
		last = max(last, n)
	}
	d := dataKey{Scope: top, Label: label, Since: k.gen, Created: k.o.Now().UTC().Truncate(time.Second), Secret: random(crypt.SecretSize)}
	n := dataName(k.gen, last+1)
	text := k.sealData(n, d)
	if err := k.o.putLocal(n, text); err != nil {
		return 0, fmt.Errorf("keys: %w", err)
	}
	k.all[n] = copies{local: text}
	k.data[last+1] = d
	k.ring.Add(d.key(last + 1))
	k.synced = false
	if err := k.ready(ctx); err != nil {
		return 0, err
	}
	return last + 1, nil
}
