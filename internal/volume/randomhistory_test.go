package volume

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"path"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/rdfs/rdfs/catalog"
)

// randomHistory does to a volume what people and programs do, in random order.
type randomHistory struct {
	r   *rig
	rnd *rand.Rand
	n   int
}

func newRandomHistory(r *rig, rnd *rand.Rand) *randomHistory {
	return &randomHistory{r: r, rnd: rnd}
}

func (r *rig) chmod(p string, mode uint32) {
	r.t.Helper()
	if _, err := r.v.Setattr(bg(r.t), r.attr(p).Ino, SetAttr{Mode: &mode}, ada); err != nil {
		r.t.Fatal(err)
	}
}

// pick returns a random path of the live tree for which want holds, or "".
func (h *randomHistory) pick(want func(mode uint32) bool) (chosen string) {
	n := 0
	h.r.v.cat.View(func(tx *catalog.Tx) error {
		var walk func(dir catalog.Inode, p string)
		walk = func(dir catalog.Inode, p string) {
			tx.ReadDir(dir, "", func(d catalog.Dirent) bool {
				at := path.Join(p, d.Name)
				if want(d.Type) {
					if n++; h.rnd.IntN(n) == 0 {
						chosen = at
					}
				}
				if d.Type == catalog.TypeDir {
					walk(d.Ino, at)
				}
				return true
			})
		}
		walk(Root, "")
		return nil
	})
	return chosen
}

func isDir(mode uint32) bool  { return mode == catalog.TypeDir }
func isFile(mode uint32) bool { return mode == catalog.TypeRegular }
func isAny(uint32) bool       { return true }

// fresh returns a path for something new: in a random directory, one of few names.
func (h *randomHistory) fresh() string {
	dir := ""
	if h.rnd.IntN(4) > 0 {
		dir = h.pick(isDir)
	}
	if strings.Count(dir, "/") > 3 {
		dir = ""
	}
	return path.Join(dir, string(rune('a'+h.rnd.IntN(8))))
}

// step does one thing. What cannot be done, because something is in its way, is not.
func (h *randomHistory) step() {
	r := h.r
	r.t.Helper()
	h.n++
	var err error
	to := h.fresh()
	dir, name := r.at(to)
	switch k := h.rnd.IntN(20); {
	case k < 6:
		var hd *Handle
		if hd, err = r.try(to, unix.O_WRONLY|unix.O_CREAT|unix.O_TRUNC); err == nil {
			r.put(hd, fmt.Sprintf("%d %s", h.n, strings.Repeat("x", h.rnd.IntN(20))), 0)
			r.release(hd)
		}
	case k < 8:
		_, err = r.v.Mkdir(dir, name, 0o755, ada)
	case k < 11:
		if from := h.pick(isAny); from != "" {
			fromDir, fromName := r.at(from)
			err = r.v.Rename(fromDir, fromName, dir, name, 0, ada)
		}
	case k < 13:
		if gone := h.pick(isFile); gone != "" {
			goneDir, goneName := r.at(gone)
			err = r.v.Unlink(goneDir, goneName, ada)
		}
	case k == 13:
		if gone := h.pick(isDir); gone != "" {
			goneDir, goneName := r.at(gone)
			err = r.v.Rmdir(goneDir, goneName, ada)
		}
	case k == 14:
		if from := h.pick(isFile); from != "" {
			_, err = r.v.Link(r.attr(from).Ino, dir, name, Caller{})
		}
	case k == 15:
		_, err = r.v.Symlink(dir, name, fmt.Sprint("target", h.n), ada)
	case k < 18:
		if p := h.pick(isAny); p != "" {
			err = r.v.Setxattr(r.attr(p).Ino, fmt.Sprint("user.", h.rnd.IntN(3)), fmt.Append(nil, h.n), 0, ada)
		}
	default:
		if p := h.pick(func(mode uint32) bool { return mode != catalog.TypeSymlink }); p != "" {
			r.chmod(p, uint32(0o700+h.rnd.IntN(8)))
		}
	}
	if err == nil {
		return
	}
	for _, expected := range []error{ErrExist, ErrIsDir, ErrNotDir, ErrNotEmpty, ErrInvalid, ErrPerm, ErrNotExist, ErrNotSup} {
		if errors.Is(err, expected) {
			return
		}
	}
	r.t.Fatalf("step %d: %v", h.n, err)
}
