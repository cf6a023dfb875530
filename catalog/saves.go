package catalog

import "fmt"

// Save is a finished save of a file that is not a version yet, because its bytes are
// not sealed, or because an earlier save of the file is not. Versions are numbered in
// the order of the saves, whatever order they are sealed in.
type Save struct {
	File  FileID
	Order uint64 // rises from save to save of a file; from the sequence of NewInode

	// Inode and Gen name the draft that holds the bytes. When they are sealed both are
	// 0, and Version is what the save will be; it lacks its number.
	Inode   Inode
	Gen     uint32
	Version Version
}

// Sealed reports whether the save only waits for earlier ones.
func (s *Save) Sealed() bool { return s.Inode == 0 }

// PutSave writes a save.
func (t *Tx) PutSave(s *Save) {
	w := make(writer, 0, 16)
	w.uint(uint64(s.Inode))
	w.uint(uint64(s.Gen))
	if s.Sealed() {
		t.refers(s.Version.Content)
		s.Version.encode(&w)
	}
	t.store(saveKey(s.File, s.Order), w)
}

// DeleteSave removes a save.
func (t *Tx) DeleteSave(f FileID, order uint64) { t.remove(saveKey(f, order)) }

// Saves yields the saves of a file that wait, oldest first.
func (t *Tx) Saves(f FileID, yield func(*Save) bool) error {
	return t.saves(key1(tableSave, uint64(f)), key1(tableSave, uint64(f)+1), yield)
}

// AllSaves yields the saves of all files from file from on.
func (t *Tx) AllSaves(from FileID, yield func(*Save) bool) error {
	return t.saves(key1(tableSave, uint64(from)), []byte{byte(tableSave) + 1}, yield)
}

func (t *Tx) saves(from, to []byte, yield func(*Save) bool) (err error) {
	t.kv.Ascend(from, to, func(k, row []byte) bool {
		wantKey(k, 17, "key of a save")
		s := Save{File: FileID(be.Uint64(k[1:])), Order: be.Uint64(k[9:])}
		r := reader{b: row}
		s.Inode, s.Gen = Inode(r.uint()), r.uint32()
		if err = r.done(); err == nil && s.Sealed() {
			err = s.Version.decode(r.b)
			s.Version.File = s.File
		}
		if err != nil {
			err = fmt.Errorf("catalog: save %d of file %d: %w", s.Order, s.File, err)
			return false
		}
		return yield(&s)
	})
	return err
}

func saveKey(f FileID, order uint64) []byte {
	return be.AppendUint64(key1(tableSave, uint64(f)), order)
}
