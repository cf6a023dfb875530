package volume

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/rdfs/rdfs/catalog"
)

// trash lists paths, newest first.
func (r *rig) trash(p string) (paths []string) {
	r.t.Helper()
	res, err := r.v.Trash(bg(r.t), TrashRequest{Path: p})
	if err != nil {
		r.t.Fatal(err)
	}
	for _, x := range res.Items {
		paths = append(paths, x.Path)
	}
	return paths
}

func (r *rig) undelete(p string) TreeResult {
	r.t.Helper()
	res, err := r.v.Undelete(bg(r.t), UndeleteRequest{Path: p}, nil)
	if err != nil {
		r.t.Fatalf("undelete %s: %v", p, err)
	}
	return res
}

// muchLater seals, commits, and lets more time pass than a path keeps its history for.
func (r *rig) muchLater() {
	r.t.Helper()
	r.sync()
	r.commit()
	r.clock.advance(2 * onePause)
}

func TestTrashShowsWhatWasDeletedWhenAndByWhom(t *testing.T) {
	r := newRig(t)
	r.mkdir("d")
	for _, f := range []string{"saved", "gone", "d/gone", "moved", "linked", "back"} {
		r.write(f, "1 "+f)
	}
	r.link("linked", "link")
	r.muchLater()
	for _, step := range []func(){
		func() { r.write("tmp", "2"); r.rename("tmp", "saved") },
		func() { r.rename("moved", "d/moved") },
		func() { r.unlink("link") },
		func() { r.unlink("back") },
		func() { r.write("back", "again, at once") },
		func() { r.unlink("gone") },
		func() {
			dir, name := r.at("d/gone")
			if err := r.v.Unlink(dir, name, Caller{UID: 0}); err != nil {
				t.Fatal(err)
			}
		},
	} {
		step()
		r.commit()
		r.clock.advance(time.Second)
	}
	r.sync()
	if got, want := r.trash(""), []string{"d/gone", "gone"}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
	if got, want := r.trash("d"), []string{"d/gone"}; !slices.Equal(got, want) {
		t.Errorf("below d: got %q, want %q", got, want)
	}
	res, err := r.v.Trash(bg(t), TrashRequest{Limit: 1})
	if err != nil || len(res.Items) != 1 || res.More != 1 {
		t.Errorf("got %+v, %v", res, err)
	}
	x := res.Items[0]
	if x.UID == nil || *x.UID != 0 || x.Type != "file" || x.Size != int64(len("1 d/gone")) || r.clock.now().Sub(x.Deleted) > 10*time.Second {
		t.Errorf("got %+v", x)
	}
	if res, _ := r.v.Trash(bg(t), TrashRequest{Path: "gone"}); len(res.Items) != 1 || *res.Items[0].UID != ada.UID {
		t.Errorf("of one path: %+v", res)
	}
	r.chmod("d", 0o700)
	if res, _ := r.v.Trash(bg(t), TrashRequest{Requester: Requester{UID: 4711}}); len(res.Items) != 1 || res.Items[0].Path != "gone" {
		t.Errorf("somebody else sees %+v", res)
	}
	if _, err := r.v.Trash(bg(t), TrashRequest{Path: "nobody"}); !errors.Is(err, ErrNotExist) {
		t.Errorf("nobody: %v", err)
	}
	if _, err := r.v.Trash(bg(t), TrashRequest{Path: "saved"}); !errors.Is(err, ErrNotDir) {
		t.Errorf("a file that is there: %v", err)
	}
}

func TestUndeleteOfAFileContinuesItsHistory(t *testing.T) {
	for name, wait := range map[string]bool{"at once": false, "after a while": true} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t)
			r.write("a", "one")
			r.setxattr("a", "user.k", "v")
			r.sync()
			r.write("a", "two")
			r.chmod("a", 0o640)
			file := r.attr("a").File
			if wait {
				r.muchLater()
			} else {
				r.clock.advance(time.Second) // it has rested long enough to be a version
			}
			r.commit()
			r.unlink("a")
			r.commit()
			if wait {
				r.muchLater()
			}
			plan, err := r.v.Undelete(bg(t), UndeleteRequest{Path: "a", DryRun: true}, nil)
			if err != nil || r.exists("a") || plan.Count[TreeMake] != 1 {
				t.Errorf("dry run: %+v, %v", plan, err)
			}
			r.undelete("a")
			a := r.attr("a")
			if got := r.read("a"); got != "two" || a.File != file || a.Mode&0o777 != 0o640 {
				t.Errorf("came back with %q, %+v", got, a)
			}
			if val, err := r.v.Getxattr(a.Ino, "user.k"); string(val) != "v" {
				t.Errorf("user.k is %q, %v", val, err)
			}
			if log, err := r.v.Log(bg(t), "a"); err != nil || len(log) != 3 {
				t.Errorf("log: %+v, %v; want two versions and what came back", log, err)
			}
			if got := r.trash(""); len(got) != 0 {
				t.Errorf("still in the trash: %q", got)
			}
			if _, err := r.v.Undelete(bg(t), UndeleteRequest{Path: "a"}, nil); !errors.Is(err, ErrExist) {
				t.Errorf("a second time: %v", err)
			}
		})
	}
}

func TestUndeleteOfATreeBringsBackWhatWentWithIt(t *testing.T) {
	r := newRig(t)
	for _, d := range []string{"d", "d/sub", "d/empty", "out"} {
		r.mkdir(d)
	}
	for k := range 20 {
		r.write(fmt.Sprintf("d/sub/%02d", k), fmt.Sprint("file ", k))
	}
	r.write("d/a", "1")
	r.write("d/early", "deleted long before")
	r.write("d/moved", "moved away before")
	r.link("d/a", "d/sub/hard")
	r.setxattr("d/sub", "user.dir", "yes")
	r.muchLater()
	r.unlink("d/early")
	r.rename("d/moved", "out/moved")
	r.muchLater()
	r.write("d/a", "last save")
	r.clock.advance(time.Second)
	r.commit()
	info := r.snapshot("before")
	want := r.shape(catalog.Epoch(info.Epoch), "d")
	ino := r.attr("d").Ino
	a, sub := r.attr("d/sub"), []string{}
	list, err := r.v.ReadDir(a.Ino, "", 100, false)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range list { // slowly, in many epochs
		r.unlink("d/sub/" + e.Name)
		sub = append(sub, e.Name)
		r.commit()
		r.clock.advance(onePause / 2)
	}
	r.removeAll("d")
	r.commit()
	r.muchLater()
	if got := r.trash(""); !slices.Equal(got, []string{"d"}) {
		t.Errorf("in the trash is %q", got)
	}
	if got := r.trash("d"); !slices.Contains(got, "d/early") || !slices.Contains(got, "d/sub") || len(got) != 4 {
		t.Errorf("of d is in the trash %q", got)
	}
	res := r.undelete("d")
	if res.Count[TreeMake] != len(want)+1 || res.Count[TreeRemove] != 0 {
		t.Errorf("got %+v, want %d made", res.Count, len(want)+1)
	}
	r.wantShape(r.now("d"), want)
	if r.attr("d").Ino == ino {
		t.Error("an inode came twice")
	}
	if got := r.read("out/moved"); got != "moved away before" {
		t.Errorf("what was moved away holds %q", got)
	}
	if got := r.trash(""); len(got) != 0 {
		t.Errorf("still in the trash: %q", got)
	}
	if res, err := r.v.Undelete(bg(t), UndeleteRequest{Path: "d/early"}, nil); err != nil || r.read("d/early") != "deleted long before" {
		t.Errorf("what was deleted before: %+v, %v", res, err)
	}
}

func TestUndeleteToAnotherPlaceAndOfSomeInADeletedDirectory(t *testing.T) {
	r := newRig(t)
	r.mkdir("d")
	r.write("d/a", "1")
	r.write("d/b", "2")
	r.muchLater()
	r.removeAll("d")
	r.muchLater()
	if _, err := r.v.Undelete(bg(t), UndeleteRequest{Path: "d/a"}, nil); !errors.Is(err, ErrNotExist) || !strings.Contains(err.Error(), "--to") {
		t.Errorf("its directory is gone: %v", err)
	}
	if _, err := r.v.Undelete(bg(t), UndeleteRequest{Path: "d/a", To: "a"}, nil); err != nil || r.read("a") != "1" {
		t.Errorf("to another place: %v", err)
	}
	r.mkdir("d") // another one
	r.undelete("d/b")
	if got := r.read("d/b"); got != "2" {
		t.Errorf("d/b holds %q", got)
	}
	if _, err := r.v.Undelete(bg(t), UndeleteRequest{Path: "nobody"}, nil); !errors.Is(err, ErrNotExist) {
		t.Errorf("nobody: %v", err)
	}
	r.chmod("d", 0o777)
	r.unlink("d/b")
	r.muchLater()
	if _, err := r.v.Undelete(bg(t), UndeleteRequest{Path: "d/b", Requester: Requester{UID: 4711}}, nil); !errors.Is(err, ErrPerm) {
		t.Errorf("somebody else brings it back: %v", err)
	}
	if _, err := r.v.Undelete(bg(t), UndeleteRequest{Path: "d/b", Requester: Requester{UID: ada.UID}}, nil); err != nil {
		t.Errorf("its owner brings it back: %v", err)
	}
}

func TestTrashAndUndeleteOfManyNames(t *testing.T) {
	r := newRig(t)
	r.mkdir("d")
	const many = trashStep + 300
	for k := range many {
		r.write(fmt.Sprintf("d/%05d", k), "x")
		if k%2 == 0 {
			r.write(fmt.Sprintf("%05d", k), "x")
		}
	}
	r.muchLater()
	for k := range many {
		if k%2 == 0 {
			r.unlink(fmt.Sprintf("%05d", k))
		}
	}
	r.removeAll("d")
	r.muchLater()
	if got := r.trash(""); len(got) != many/2+1 {
		t.Errorf("%d in the trash, want %d", len(got), many/2+1)
	}
	if got := r.trash("d"); len(got) != many {
		t.Errorf("%d in the trash of d, want %d", len(got), many)
	}
	if res := r.undelete("d"); res.Count[TreeMake] != many+1 {
		t.Errorf("got %v, want %d", res.Count, many+1)
	}
}

func TestUndeleteOfWhatGarbageCollectionKept(t *testing.T) {
	r := newRig(t)
	r.mkdir("d")
	r.write("d/a", "1")
	r.setxattr("d/a", "user.k", "v")
	r.write("f", "2")
	r.muchLater()
	made := r.clock.now()
	r.removeAll("d")
	r.unlink("f")
	r.muchLater()
	res, err := r.v.Trash(bg(t), TrashRequest{})
	if err != nil || len(res.Items) != 2 {
		t.Fatalf("got %+v, %v", res, err)
	}
	for _, x := range res.Items {
		if want := x.Type == "file"; x.Until.IsZero() != want {
			t.Errorf("%s is kept until %v", x.Path, x.Until)
		}
	}
	r.later()
	r.gc()
	if _, err := r.v.Epoch(Moment{Time: made.Add(-time.Second)}); !errors.Is(err, ErrForgotten) {
		t.Fatalf("nothing was forgotten: %v", err)
	}
	r.undelete("f")
	r.undelete("d")
	if r.read("f") != "2" || r.read("d/a") != "1" {
		t.Errorf("f holds %q, d/a %q", r.read("f"), r.read("d/a"))
	}
	if val, err := r.v.Getxattr(r.attr("d/a").Ino, "user.k"); string(val) != "v" {
		t.Errorf("user.k is %q, %v", val, err)
	}
}

func TestDiffAndRestoreOfSnapshotsWhoseFeedIsForgotten(t *testing.T) {
	r := newRig(t)
	r.mkdir("d")
	r.write("d/a", "1")
	r.write("d/b", "1")
	r.write("gone", "1")
	info := r.snapshot("A")
	want := r.shape(catalog.Epoch(info.Epoch), "")
	r.write("d/a", "22")
	r.write("passing", "x")
	r.commit()
	r.unlink("passing")
	r.rename("d/b", "b")
	r.unlink("gone")
	r.sync()
	r.snapshot("B")
	diff := []string{"renamed d/b b", "modified d/a 1->2", "removed gone"}
	r.wantDiff("A", "B", "", diff...)
	r.later()
	r.gc()
	r.wantDiff("A", "B", "", diff...)
	r.wantDiff("A", "live", "", diff...)
	r.restoreTree("", "A")
	r.wantShape(r.now(""), want)
}
