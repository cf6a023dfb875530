package drivetest

import (
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"sort"
	"strings"
	"testing"

	"github.com/zeebo/blake3"
	"golang.org/x/sys/unix"
)

// A tree is what a directory holds, by path relative to it ("." is the directory).
type tree map[string]entry

// An entry is what system calls say about one name.
type entry struct {
	Mode     uint32 // type and permissions
	UID, GID uint32
	Nlink    uint64
	Size     int64  // of files and symbolic links, bytes
	Rdev     uint64 // of devices
	Mtime    int64  // nanoseconds since 1970
	Content  string // BLAKE3 of a file, the target of a symbolic link
	Attrs    map[string]string
}

// walk reads a whole tree. A name that cannot be read fails the test.
func walk(t *testing.T, root string) tree {
	t.Helper()
	all := tree{}
	err := filepath.WalkDir(root, func(path string, _ fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(root, path)
		if err != nil {
			return err
		}
		if rel == ".snapshots" { // the only virtual directory that is listed
			return filepath.SkipDir
		}
		e, err := inspect(path)
		if err != nil {
			return fmt.Errorf("%s: %w", path, err)
		}
		all[rel] = e
		return nil
	})
	if err != nil {
		t.Fatalf("walk: %v", err)
	}
	return all
}

func inspect(path string) (entry, error) {
	var st unix.Stat_t
	if err := unix.Lstat(path, &st); err != nil {
		return entry{}, err
	}
	e := entry{Mode: st.Mode, UID: st.Uid, GID: st.Gid, Nlink: st.Nlink, Rdev: st.Rdev, Mtime: st.Mtim.Nano()}
	var err error
	switch st.Mode & unix.S_IFMT {
	case unix.S_IFREG:
		e.Size = st.Size
		e.Content, err = hashFile(path)
	case unix.S_IFLNK:
		e.Size = st.Size
		e.Content, err = os.Readlink(path)
	}
	if err != nil {
		return e, err
	}
	e.Attrs, err = attrs(path)
	return e, err
}

// hashFile is what b3sum prints for the file. It fails if the file does not have as many bytes as stat says.
func hashFile(path string) (string, error) {
	f, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer f.Close()
	h := blake3.New()
	n, err := io.Copy(h, f)
	if err != nil {
		return "", err
	}
	if info, err := f.Stat(); err != nil {
		return "", err
	} else if info.Size() != n {
		return "", fmt.Errorf("stat says %d bytes, %d were read", info.Size(), n)
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}

// b3 is the BLAKE3 of data as b3sum prints it.
func b3(data []byte) string {
	sum := blake3.Sum256(data)
	return hex.EncodeToString(sum[:])
}

// attrs are the listed extended attributes that people set: those named user.*.
func attrs(path string) (map[string]string, error) {
	names, err := listAttrs(path)
	if err != nil {
		return nil, err
	}
	all := map[string]string{}
	for _, name := range names {
		if !strings.HasPrefix(name, "user.") {
			continue
		}
		value, err := getAttr(path, name)
		if err != nil {
			return nil, err
		}
		all[name] = value
	}
	return all, nil
}

// listAttrs lists the names of all extended attributes, sorted. It does not follow links.
func listAttrs(path string) ([]string, error) {
	buf := make([]byte, 1<<16)
	n, err := unix.Llistxattr(path, buf)
	if errors.Is(err, unix.EOPNOTSUPP) || n == 0 {
		return nil, nil
	}
	if err != nil {
		return nil, &os.PathError{Op: "listxattr", Path: path, Err: err}
	}
	names := strings.Split(strings.TrimSuffix(string(buf[:n]), "\x00"), "\x00")
	sort.Strings(names)
	return names, nil
}

func getAttr(path, name string) (string, error) {
	buf := make([]byte, 1<<16)
	n, err := unix.Lgetxattr(path, name, buf)
	if err != nil {
		return "", &os.PathError{Op: "getxattr " + name, Path: path, Err: err}
	}
	return string(buf[:n]), nil
}

func setAttr(path, name, value string, flags int) error {
	if err := unix.Lsetxattr(path, name, []byte(value), flags); err != nil {
		return &os.PathError{Op: "setxattr " + name, Path: path, Err: err}
	}
	return nil
}

// A difference chooser says whether two entries of one path are different, and how.
type comparer func(path string, got, want entry) string

// diff lists how got differs from want.
func diff(got, want tree, differs comparer) []string {
	var all []string
	for path, w := range want {
		g, ok := got[path]
		if !ok {
			all = append(all, path+": missing")
		} else if d := differs(path, g, w); d != "" {
			all = append(all, path+": "+d)
		}
	}
	for path := range got {
		if _, ok := want[path]; !ok {
			all = append(all, path+": not wanted")
		}
	}
	sort.Strings(all)
	return all
}

// same wants everything equal that survives a remount. Links of directories are not compared: some
// filesystems count subdirectories, some do not.
func same(_ string, got, want entry) string {
	dir := want.Mode&unix.S_IFMT == unix.S_IFDIR
	switch {
	case got.Mode != want.Mode:
		return fmt.Sprintf("mode %o, want %o", got.Mode, want.Mode)
	case got.UID != want.UID || got.GID != want.GID:
		return fmt.Sprintf("owner %d:%d, want %d:%d", got.UID, got.GID, want.UID, want.GID)
	case got.Nlink != want.Nlink && !dir:
		return fmt.Sprintf("%d links, want %d", got.Nlink, want.Nlink)
	case got.Size != want.Size:
		return fmt.Sprintf("size %d, want %d", got.Size, want.Size)
	case got.Rdev != want.Rdev:
		return fmt.Sprintf("device %x, want %x", got.Rdev, want.Rdev)
	case got.Content != want.Content:
		return fmt.Sprintf("content %.16s, want %.16s", got.Content, want.Content)
	case got.Mtime != want.Mtime:
		return fmt.Sprintf("mtime %d, want %d", got.Mtime, want.Mtime)
	}
	for name, value := range want.Attrs {
		if v, ok := got.Attrs[name]; !ok || v != value {
			return fmt.Sprintf("attribute %s is %.40q (%v), want %.40q", name, v, ok, value)
		}
	}
	if len(got.Attrs) != len(want.Attrs) {
		return fmt.Sprintf("attributes %v, want %v", got.Attrs, want.Attrs)
	}
	return ""
}

// sameContent wants names, types and bytes equal: what two runs of one program have in common.
func sameContent(_ string, got, want entry) string {
	switch {
	case got.Mode&unix.S_IFMT != want.Mode&unix.S_IFMT:
		return fmt.Sprintf("type %o, want %o", got.Mode&unix.S_IFMT, want.Mode&unix.S_IFMT)
	case got.Size != want.Size:
		return fmt.Sprintf("size %d, want %d", got.Size, want.Size)
	case got.Content != want.Content:
		return fmt.Sprintf("content %.16s, want %.16s", got.Content, want.Content)
	}
	return ""
}

// wantSame fails the test if the trees differ.
func wantSame(t *testing.T, when string, got, want tree, differs comparer) {
	t.Helper()
	all := diff(got, want, differs)
	if len(all) == 0 {
		return
	}
	const most = 20
	if len(all) > most {
		all = append(all[:most], fmt.Sprintf("... and %d more", len(all)-most))
	}
	t.Errorf("%s: the tree differs:\n  %s", when, strings.Join(all, "\n  "))
}
