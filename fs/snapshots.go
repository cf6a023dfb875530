package fs

import (
	"context"

	"github.com/hanwen/go-fuse/v2/fuse"

	"github.com/rdfs/rdfs/internal/volume"
)

// In every directory, .snapshots/NAME is the directory as it was: at the time of a
// snapshot, or, with a name that begins with @, at any moment that is kept. It is not
// listed anywhere, so that nobody walks into it unasked. In the root, mkdir takes a
// snapshot and rmdir drops one; the kernel has checked then that the caller may write
// to the root directory, whose permissions .snapshots shows.

// lookupInstant answers a lookup below a .snapshots.
func (d *door) lookupInstant(dir volume.Inode, name string, out *fuse.EntryOut) error {
	k := viewKey{dir, name}
	now := d.vol.Now()
	if w := d.views.current(k); w != nil && w.keeps(now) {
		return d.enter(k, w.instant, now, out)
	}
	in, err := d.vol.Instant(name)
	if err != nil {
		return err
	}
	return d.enter(k, in, now, out)
}

func (d *door) enter(k viewKey, in volume.Instant, now volume.Time, out *fuse.EntryOut) error {
	p := d.vol.Past(in.Epoch)
	a, err := p.Dir(k.dir)
	if err != nil {
		return err
	}
	if a.Ino > maxPastInode {
		return errManyFiles
	}
	w, err := d.views.enter(k, in, p, a.Ino, now)
	if err != nil {
		return err
	}
	w.reply(&a, out)
	keep := virtualFor // a snapshot can be dropped, and another take its name
	if in.Keep > 0 {
		keep = min(keep, in.Keep)
	}
	out.SetEntryTimeout(keep)
	return nil
}

func (d *door) openSnapshotsDir(dir volume.Inode) *dirHandle {
	key := virtualKey{kind: snapshotsDir, dir: dir}
	return &dirHandle{
		list: func(after string, limit int, _ bool) ([]volume.Entry, error) {
			return d.listInstants(dir, after, limit)
		},
		// No attributes: a view would be entered for each name.
		fill:   func(*volume.Entry, *fuse.EntryOut) {},
		ino:    func(i volume.Inode) uint64 { return uint64(i) },
		self:   key.ino(),
		parent: func() uint64 { return uint64(dir) },
	}
}

func (d *door) listInstants(dir volume.Inode, after string, limit int) ([]volume.Entry, error) {
	instants, err := d.vol.Instants(dir, after, limit)
	list := make([]volume.Entry, len(instants))
	for k, in := range instants {
		w := view{salt: saltOf(in.Epoch)}
		list[k].Name, list[k].Mode = in.Name, volume.TypeDir
		list[k].Ino = volume.Inode(w.ino(in.Dir))
	}
	return list, err
}

// snapshotsAt returns nil when a node is a .snapshots in which mkdir and rmdir work.
func (d *door) snapshotsAt(node uint64) error {
	n := d.virtual.get(node)
	if n == nil || n.kind != snapshotsDir || n.dir != volume.Root {
		return volume.ErrReadOnly
	}
	return nil
}

// makeSnapshot takes a snapshot, for mkdir in a .snapshots.
func (d *door) makeSnapshot(ctx context.Context, node uint64, name string, c volume.Caller, out *fuse.EntryOut) error {
	if err := d.snapshotsAt(node); err != nil {
		return err
	}
	defer d.changing(name)()
	_, err := d.vol.TakeSnapshot(ctx, volume.SnapshotRequest{Name: name, Requester: volume.Requester{UID: c.UID, GID: c.GID}, Allowed: true})
	if err != nil {
		return err
	}
	return d.lookupInstant(volume.Root, name, out)
}

// dropSnapshot drops a snapshot, for rmdir in a .snapshots.
func (d *door) dropSnapshot(ctx context.Context, node uint64, name string, c volume.Caller) error {
	if err := d.snapshotsAt(node); err != nil {
		return err
	}
	defer d.changing(name)()
	return d.vol.DropSnapshot(ctx, name, volume.Requester{UID: c.UID, GID: c.GID})
}

// changing notes that a request of the kernel changes the snapshot of a name, until
// the function that it returns is called.
func (d *door) changing(name string) (done func()) {
	d.busy.Store(name, true)
	return func() { d.busy.Delete(name) }
}

// SnapshotChanged implements volume.Notifier. Programs that stand in the snapshot
// stay there: the kernel drops the name and keeps the directory. While the kernel
// waits for us to make or drop one in the root's .snapshots it holds a lock on that
// directory, and needs not be told.
func (d *door) SnapshotChanged(name string) {
	_, ours := d.busy.Load(name)
	for _, n := range d.virtual.all(snapshotsDir) {
		if !ours || n.dir != volume.Root {
			d.server.EntryNotify(n.id, name)
		}
	}
}
