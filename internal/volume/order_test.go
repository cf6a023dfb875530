package volume

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/rdfs/rdfs/internal/blob"
)

// Sealed content is moved onto a path, whose last save is not sealed yet.
func TestMovedContentComesAfterTheSavesThatWait(t *testing.T) {
	for _, how := range []string{"rename over", "exchange", "delete and rename", "link and unlink"} {
		for _, same := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, the content the path had before %v", how, same), func(t *testing.T) {
				r := newRig(t)
				r.write("f", "one")
				newer := "three"
				if same {
					newer = "one"
				}
				r.write("new", newer)
				r.sync()
				r.store.fail(blob.ErrOffline)
				r.write("f", "two")
				r.clock.advance(time.Minute)
				if err := r.v.Sync(bg(t), "", nil); !errors.Is(err, blob.ErrOffline) {
					t.Fatalf("sync: %v", err)
				}
				switch how {
				case "rename over":
					r.rename("new", "f")
				case "exchange":
					r.renameFlags("new", "f", RenameExchange)
				case "delete and rename":
					r.unlink("f")
					r.rename("new", "f")
				case "link and unlink":
					r.unlink("f")
					r.link("new", "f")
					r.unlink("new")
				}
				r.wantBytes("f", newer)
				list, err := r.v.Log(bg(t), "f")
				if err != nil || len(list) != 3 || !list[2].Current || list[0].Current || list[1].Current {
					t.Errorf("log while it waits: %+v, %v", list, err)
				}
				if r.store.fail(nil); how != "exchange" { // of another inode, but a save of the file
					if err := r.v.Sync(bg(t), "f", nil); err != nil {
						r.sync()
					}
				}
				r.sync()
				r.wantHistory("f", "one", "two", newer)
				if list, err = r.v.Log(bg(t), "f"); err != nil || len(list) != 3 || !list[2].Current || list[0].Current || list[1].Current {
					t.Errorf("log: %+v, %v", list, err)
				}
			})
		}
	}
}

func TestWhatWaitsForAnEarlierSaveSurvivesARestart(t *testing.T) {
	r := newRig(t)
	r.write("f", "one")
	r.write("new", "three")
	r.sync()
	r.store.fail(blob.ErrOffline)
	r.write("f", "two")
	r.clock.advance(time.Minute)
	r.rename("new", "f")
	r.clock.advance(time.Minute)
	r.write("f", "four")
	r.stopUnsealed()
	r.reopen(StopKilled)
	r.wantBytes("f", "four")
	r.sync()
	r.wantHistory("f", "one", "two", "three", "four")
}

func TestRestoreOfADeletedFileComesAfterItsLastSave(t *testing.T) {
	r := newRig(t)
	r.write("f", "one")
	r.sync()
	release := r.occupy()
	r.write("f", "two")
	r.clock.advance(time.Minute)
	r.unlink("f")
	done := make(chan RestoreResult)
	go func() { done <- r.restore(RestoreRequest{Path: "f", Seq: 1}) }()
	release()
	if res := <-done; res.NewSeq != 3 {
		t.Errorf("restore: %+v", res)
	}
	r.sync()
	r.wantBytes("f", "one")
	r.wantHistory("f", "one", "two", "one")
}

// An unwritten draft is replaced while the sealer puts it back.
func TestUnwrittenDraftThatIsReplacedIsNoVersion(t *testing.T) {
	r := newRig(t)
	r.write("f", "one")
	r.sync()
	r.store.close()
	r.write("slow", "keeps the sealer busy, in one batch with the other")
	r.clock.advance(time.Second)
	r.release(r.handle("f", unix.O_RDWR)) // and writes nothing
	r.clock.advance(time.Second)
	r.hurryAll()
	r.awaitPut()
	r.write("f", "two")
	r.store.open()
	r.sync()
	r.wantHistory("f", "one", "two")
	r.wantBytes("f", "two")
}

func TestStoreThroughAMappingAfterTheLastCloseIsNotForgotten(t *testing.T) {
	r := newRig(t)
	r.v.SetPassthrough(true)
	data := random(300<<10, 3)
	r.write("f", data)
	r.sync()
	h := r.handle("f", unix.O_RDWR)
	m := mapFile(t, h, len(data))
	r.release(h)
	m[1000] ^= 0xff
	want := string(m)
	if err := unix.Munmap(m); err != nil {
		t.Fatal(err)
	}
	r.release(r.handle("f", unix.O_RDWR)) // opened once more, and not written
	r.sync()
	r.wantHistory("f", data, want)
	r.wantBytes("f", want)
}

// A draft that cannot be read keeps its place, but not for ever.
func TestSaveThatCannotBeReadDoesNotKeepLaterOnesFromTheirNumber(t *testing.T) {
	r := newRig(t)
	r.write("f", "one")
	r.sync()
	r.store.fail(blob.ErrOffline)
	r.write("f", "two")
	path := draftOf(r, "f")
	r.clock.advance(time.Minute)
	r.write("f", "three")
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	r.store.fail(nil)
	for tries := 0; len(r.history("f")) < 2; tries++ {
		if tries > 20 {
			t.Fatalf("versions: %q", r.history("f"))
		}
		r.v.Sync(bg(t), "", nil)
	}
	r.wantHistory("f", "one", "three")
	r.broken = true // the draft that somebody removed
}

func TestVersionsStayInOrderWhenManySavesWait(t *testing.T) {
	r := newRig(t, func(o *Options) { o.SealWorkers = 4 })
	r.store.fail(blob.ErrOffline)
	want := []string{}
	for k := range 40 {
		if k == 0 {
			r.write("f", "save 00")
		}
		data := fmt.Sprintf("save %02d", k)
		newSaves[k%len(newSaves)].save(r, "f", data)
		want = append(want, data)
		r.clock.advance(time.Minute / 2)
	}
	r.store.fail(nil)
	r.sync()
	if got := r.history("f"); !slices.Equal(got, want) {
		t.Errorf("got %q", got)
	}
}

// A draft goes that had kept the sealed content of another file waiting for its number,
// in the very rename that moves that file.
func TestNumberThatComesWithTheRenameIsNotForgotten(t *testing.T) {
	r := newRig(t)
	r.write("f", "one")
	r.write("f~", "three")
	r.sync()
	r.store.fail(blob.ErrOffline)
	r.write("f", "two")
	path := draftOf(r, "f")
	r.clock.advance(time.Minute)
	r.renameFlags("f", "f~", RenameExchange) // three waits for two
	r.v.drafts.fail(path, unix.EIO)
	r.rename("f", "f~") // and two is no more
	r.store.fail(nil)
	r.sync()
	r.wantBytes("f~", "three")
	r.wantHistory("f~", "one", "three")
}
