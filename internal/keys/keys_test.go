package keys

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/rdfs/rdfs/internal/blob"
	"github.com/rdfs/rdfs/internal/crypt"
	"github.com/rdfs/rdfs/tiers"
	"github.com/rdfs/rdfs/tiers/memory"
)

var update = flag.Bool("update", false, "write the fixture anew")

const testID = "01J9Z3YHZ0000000000000000A"

func pass(s string) Secret { return Secret{Passphrase, []byte(s)} }

// bed is a repository's keys and its tier.
type bed struct {
	t       *testing.T
	o       Options
	tier    *memory.Store
	offline bool
	refuse  func(op memory.Op, key string) error
}

func newBed(t *testing.T) *bed {
	// The parameters of real slots take long on purpose.
	was := newKDF
	newKDF = kdf{Time: 1, Memory: 64, Threads: 1}
	t.Cleanup(func() { newKDF = was })
	b := &bed{t: t, o: Options{Dir: filepath.Join(t.TempDir(), "keys"), Repository: testID, Now: func() time.Time { return time.Unix(1.8e9, 0) }}}
	b.tier = memory.New(memory.Options{Fault: func(op memory.Op, key string) error {
		if b.offline {
			return blob.ErrOffline
		}
		if b.refuse != nil {
			return b.refuse(op, key)
		}
		return nil
	}})
	if err := Make(b.o, pass("one")); err != nil {
		t.Fatal(err)
	}
	return b
}

func (b *bed) open(s Secret) *Keys {
	b.t.Helper()
	k, err := Open(b.t.Context(), b.o, b.tier, s)
	if err != nil {
		b.t.Fatal(err)
	}
	return k
}

func (b *bed) refused(s Secret, want error) {
	b.t.Helper()
	before := b.files()
	if k, err := Open(b.t.Context(), b.o, b.tier, s); !errors.Is(err, want) || k != nil {
		b.t.Errorf("got %v, want %v", err, want)
	}
	if after := b.files(); after != before {
		b.t.Errorf("it changed\n%s\nto\n%s", before, after)
	}
}

// files lists what is in the repository and in the tier.
func (b *bed) files() string {
	all := make(map[name]copies)
	if err := errors.Join(readLocal(b.o.withDefaults().FS, b.o.Dir, all)); err != nil {
		b.t.Fatal(err)
	}
	if err := readTier(b.t.Context(), b.tier, all); err != nil && !errors.Is(err, blob.ErrOffline) {
		b.t.Fatal(err)
	}
	var lines []string
	for n, c := range all {
		lines = append(lines, fmt.Sprintf("%s %x %x", n, blob.Sum(c.local), blob.Sum(c.tier)))
	}
	slices.Sort(lines)
	return strings.Join(lines, "\n")
}

// key returns the key for a directory.
func (b *bed) key(k *Keys, top uint64) crypt.Number {
	b.t.Helper()
	n, err := k.For(b.t.Context(), top, fmt.Sprint("dir", top))
	if err != nil {
		b.t.Fatal(err)
	}
	return n
}

// probe is a chunk id, which says whether keys are the same.
func probe(k *Keys, n crypt.Number) blob.ID { return k.Ring().ChunkID(n, []byte("probe")) }

func TestEachDirectoryHasAKeyAndItStays(t *testing.T) {
	b := newBed(t)
	k := b.open(pass("one"))
	own, a, c := b.key(k, 0), b.key(k, 10), b.key(k, 20)
	if own != k.Ring().Own() || a == own || c == own || a == c || b.key(k, 10) != a {
		t.Fatalf("keys %d, %d, %d", own, a, c)
	}
	again := b.open(pass("one"))
	if b.key(again, 10) != a || probe(again, a) != probe(k, a) || probe(again, c) != probe(k, c) {
		t.Error("other keys after another Open")
	}
	b.o.One = true
	if one := b.open(pass("one")); b.key(one, 10) != one.Ring().Own() {
		t.Error("a directory has a key of its own in a repository of one key")
	}
}

func TestAWrongKeyIsOneErrorAndChangesNothing(t *testing.T) {
	b := newBed(t)
	b.refused(pass("two"), ErrWrongKey)
	b.refused(Secret{File, []byte("one")}, ErrWrongKey)
	b.open(pass("one"))
	b.refused(pass("two"), ErrWrongKey)
	b.o.Dir = filepath.Join(t.TempDir(), "none")
	b.refused(pass("two"), ErrWrongKey)
	if _, err := os.Stat(b.o.Dir); err == nil {
		t.Error("a wrong key made a directory")
	}
	b.tier = memory.New(memory.Options{})
	b.refused(pass("one"), ErrNoKeys)
}

func TestThePassphraseAloneOpensTheTier(t *testing.T) {
	b := newBed(t)
	k := b.open(pass("one"))
	n := b.key(k, 10)
	if err := os.RemoveAll(b.o.Dir); err != nil {
		t.Fatal(err)
	}
	again := b.open(pass("one"))
	if probe(again, n) != probe(k, n) {
		t.Fatal("it is another key")
	}
	b.offline = true // and is in the repository again
	if again = b.open(pass("one")); probe(again, n) != probe(k, n) {
		t.Fatal("it is another key")
	}
}

func TestTheRepositoryGivesTheTierBackWhatItLost(t *testing.T) {
	b := newBed(t)
	k := b.open(pass("one"))
	n := b.key(k, 10)
	b.tier = memory.New(memory.Options{})
	b.open(pass("one"))
	if err := os.RemoveAll(b.o.Dir); err != nil {
		t.Fatal(err)
	}
	if again := b.open(pass("one")); probe(again, n) != probe(k, n) {
		t.Fatal("it is another key")
	}
}

func TestNothingIsSealedBeforeTheTierHasTheKey(t *testing.T) {
	b := newBed(t)
	b.offline = true
	k := b.open(pass("one"))
	if _, err := k.For(t.Context(), 0, ""); !errors.Is(err, blob.ErrOffline) {
		t.Errorf("the own key: %v", err)
	}
	if err := k.Ready(t.Context()); !errors.Is(err, blob.ErrOffline) {
		t.Errorf("ready: %v", err)
	}
	b.offline = false
	a := b.key(k, 10)
	b.refuse = func(op memory.Op, key string) error {
		if op == memory.OpPut {
			return blob.ErrOffline
		}
		return nil
	}
	if n, err := k.For(t.Context(), 20, "dir20"); !errors.Is(err, blob.ErrOffline) {
		t.Errorf("got key %d, %v", n, err)
	}
	// What failed is done later, with the same key.
	b.refuse = nil
	c := b.key(k, 20)
	if c == a {
		t.Error("one key for two directories")
	}
	if err := os.RemoveAll(b.o.Dir); err != nil {
		t.Fatal(err)
	}
	if again := b.open(pass("one")); probe(again, c) != probe(k, c) {
		t.Error("the tier has another key")
	}
}

func TestSlotsAreAddedAndRemovedButNotTheLast(t *testing.T) {
	b := newBed(t)
	k := b.open(pass("one"))
	n := b.key(k, 10)
	file := Secret{File, bytes.Repeat([]byte{7}, 32)}
	slot, err := k.AddSlot(t.Context(), file)
	if err != nil || len(k.Slots()) != 2 {
		t.Fatalf("%v, %v", k.Slots(), err)
	}
	if again := b.open(file); probe(again, n) != probe(k, n) {
		t.Fatal("another key")
	}
	b.open(pass("one"))
	first := ""
	for _, s := range k.Slots() {
		if s.ID != slot.ID {
			first = s.ID
		}
	}
	if err := k.RemoveSlot(t.Context(), first); err != nil {
		t.Fatal(err)
	}
	b.refused(pass("one"), ErrWrongKey)
	b.open(file)
	if err := k.RemoveSlot(t.Context(), slot.ID); !errors.Is(err, ErrLastSlot) {
		t.Errorf("the last one: %v", err)
	}
	if err := k.RemoveSlot(t.Context(), "nothing"); err == nil {
		t.Error("removed nothing")
	}
	for _, bad := range []Secret{pass(""), pass(" \n"), {File, []byte("short")}, {File, k.Export()}} {
		if _, err := k.AddSlot(t.Context(), bad); err == nil {
			t.Errorf("took a %s of %d bytes", bad.Kind, len(bad.Bytes))
		}
	}
}

func TestRotateMakesNewKeysAndKeepsTheOldDataReadable(t *testing.T) {
	b := newBed(t)
	k := b.open(pass("one"))
	old, own := b.key(k, 10), k.Ring().Own()
	exported := k.Export()
	if err := k.Rotate(t.Context(), pass("two")); err != nil {
		t.Fatal(err)
	}
	first := b.key(k, 10)
	for range 2 {
		x := b.open(pass("two"))
		if n := b.key(x, 10); n == old || n != first || x.Ring().Own() == own {
			t.Errorf("sealing under key %d", n)
		}
		if probe(x, old) != probe(k, old) || probe(x, own) != probe(k, own) {
			t.Error("an old key is another one")
		}
	}
	b.refused(pass("one"), ErrWrongKey)
	b.refused(Secret{File, exported}, ErrWrongKey)
	for _, line := range strings.Split(b.files(), "\n") {
		if strings.HasPrefix(line, "keys/00000001") {
			t.Errorf("of the old generation there is %s", line)
		}
	}
}

// A rotation that is cut short anywhere leaves the one or the other generation, whole.
func TestARotationThatIsCutShortLosesNoKey(t *testing.T) {
	for cut := 0; ; cut++ {
		b := newBed(t)
		k := b.open(pass("one"))
		n := b.key(k, 10)
		calls := 0
		b.refuse = func(memory.Op, string) error {
			if calls++; calls > cut {
				return blob.ErrOffline
			}
			return nil
		}
		err := k.Rotate(t.Context(), pass("two"))
		b.refuse = nil
		if err == nil {
			if cut < 5 {
				t.Fatalf("only %d calls", cut)
			}
			return
		}
		// The repository is lost as well: what the tier has must do.
		if cut%2 == 1 {
			if err := os.RemoveAll(b.o.Dir); err != nil {
				t.Fatal(err)
			}
		}
		again, err := Open(t.Context(), b.o, b.tier, pass("two"))
		if errors.Is(err, ErrWrongKey) {
			again, err = Open(t.Context(), b.o, b.tier, pass("one"))
		}
		if err != nil {
			t.Fatalf("cut after %d calls: %v", cut, err)
		}
		if probe(again, n) != probe(k, n) {
			t.Fatalf("cut after %d calls: another key", cut)
		}
	}
}

func TestAnExportOpensWithoutSlotsAndBringsKeysBack(t *testing.T) {
	b := newBed(t)
	k := b.open(pass("one"))
	n := b.key(k, 10)
	exported := Secret{File, k.Export()}
	later := b.key(k, 20)
	if again := b.open(exported); probe(again, later) != probe(k, later) {
		t.Error("a key that was made later does not open")
	}
	// Everything is gone but the export.
	b.tier = memory.New(memory.Options{})
	if err := os.RemoveAll(b.o.Dir); err != nil {
		t.Fatal(err)
	}
	b.refused(exported, ErrNoKeys)
	if err := b.tier.Put(t.Context(), "keys/00000001/data/00000001", strings.NewReader("damaged"), 7); err != nil {
		t.Fatal(err)
	}
	again := b.open(exported)
	if probe(again, n) != probe(k, n) || again.Ring().Own() != k.Ring().Own() {
		t.Error("another key")
	}
	if _, err := again.AddSlot(t.Context(), pass("new")); err != nil {
		t.Fatal(err)
	}
	b.open(pass("new"))
	b.o.Repository = "01J9Z3YHZ0000000000000000B"
	b.refused(exported, ErrWrongKey)
}

func TestADamagedObjectIsReadFromTheOtherSide(t *testing.T) {
	b := newBed(t)
	k := b.open(pass("one"))
	n := b.key(k, 10)
	for x := range k.all {
		if err := os.WriteFile(b.o.path(x), []byte(`{"format":1}`), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if again := b.open(pass("one")); probe(again, n) != probe(k, n) {
		t.Fatal("another key")
	}
	b.offline = true // it was mended
	if again := b.open(pass("one")); probe(again, n) != probe(k, n) {
		t.Fatal("another key")
	}
}

func TestObjectsOpenInTheirPlaceOnly(t *testing.T) {
	b := newBed(t)
	k := b.open(pass("one"))
	x, y := dataName(1, b.key(k, 10)), dataName(1, b.key(k, 20))
	for from, to := range map[name]name{x: y, y: x} {
		if err := os.WriteFile(b.o.path(to), k.all[from].local, 0o600); err != nil {
			t.Fatal(err)
		}
		if err := b.tier.Delete(t.Context(), to.String()); err != nil {
			t.Fatal(err)
		}
	}
	b.refused(pass("one"), blob.ErrCorrupt)
}

func TestWhatANewerVersionWroteIsRefused(t *testing.T) {
	b := newBed(t)
	k := b.open(pass("one"))
	for n, c := range k.all {
		text := bytes.Replace(c.local, []byte(`"format": 1`), []byte(`"format": 2`), 1)
		if err := errors.Join(os.WriteFile(b.o.path(n), text, 0o600), b.tier.Delete(t.Context(), n.String())); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := Open(t.Context(), b.o, b.tier, pass("one")); err == nil || !strings.Contains(err.Error(), "use a newer rdfs") {
		t.Error(err)
	}
}

func TestTheObjectsShowNoNameAndNotHowLongItIs(t *testing.T) {
	b := newBed(t)
	k := b.open(pass("one"))
	sizes := map[int]bool{}
	for i, label := range []string{"x", "a long name of a directory, with the name of a patient in it"} {
		n, err := k.For(t.Context(), uint64(10+i), label)
		if err != nil {
			t.Fatal(err)
		}
		text := k.all[dataName(1, n)].local
		if bytes.Contains(text, []byte(label)) && len(label) > 1 {
			t.Errorf("it shows %q", label)
		}
		sizes[len(text)] = true
	}
	if len(sizes) != 1 {
		t.Errorf("sizes %v", sizes)
	}
}

func TestSecretsDoNotPrint(t *testing.T) {
	s := pass("hunter2")
	for _, text := range []string{fmt.Sprint(s), fmt.Sprintf("%v %+v %#v %s", s, s, s, s)} {
		if strings.Contains(text, "hunter2") {
			t.Error(text)
		}
	}
}

// The fixture was made by Make with the passphrase "fixture", and a key for inode 10.
func TestKeysOfVersion1OpenForEver(t *testing.T) {
	const dir = "../../testdata/formats/keys-v1"
	o := Options{Dir: filepath.Join(t.TempDir(), "keys"), Repository: testID, Now: func() time.Time { return time.Unix(1.8e9, 0) }}
	if *update {
		if err := Make(o, pass("fixture")); err != nil {
			t.Fatal(err)
		}
		k, err := Open(t.Context(), o, memory.New(memory.Options{}), pass("fixture"))
		if err == nil {
			_, err = k.For(t.Context(), 10, "mouse study")
		}
		if err == nil {
			err = os.WriteFile(filepath.Join(dir, "export.json"), k.Export(), 0o644)
		}
		if err == nil {
			err = os.CopyFS(filepath.Join(dir, "keys"), os.DirFS(o.Dir))
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	fixture := memory.New(memory.Options{})
	putAll(t, fixture, filepath.Join(dir, "keys"))
	exported, err := os.ReadFile(filepath.Join(dir, "export.json"))
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range []Secret{pass("fixture"), {File, exported}} {
		k, err := Open(context.Background(), Options{Dir: filepath.Join(t.TempDir(), "keys"), Repository: testID, Now: o.Now}, fixture, s)
		if err != nil {
			t.Fatalf("%s: %v", s.Kind, err)
		}
		list := k.DataKeys()
		if len(list) != 2 || list[1].Label != "mouse study" || !list[1].Current {
			t.Errorf("%s: %+v", s.Kind, list)
		}
		if n, err := k.For(t.Context(), 10, "mouse study"); err != nil || n != 2 {
			t.Errorf("%s: key %d, %v", s.Kind, n, err)
		}
	}
}

// putAll puts the files below dir into a tier.
func putAll(t *testing.T, s tiers.Store, dir string) {
	t.Helper()
	all := make(map[name]copies)
	o := Options{}.withDefaults()
	if err := readLocal(o.FS, dir, all); err != nil || len(all) == 0 {
		t.Fatalf("%d objects, %v", len(all), err)
	}
	for n, c := range all {
		if err := putTier(t.Context(), s, n, c.local); err != nil {
			t.Fatal(err)
		}
	}
}
