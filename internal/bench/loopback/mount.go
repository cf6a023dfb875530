package loopback

import (
	"fmt"
	"os"

	"github.com/hanwen/go-fuse/v2/fs"
	"github.com/hanwen/go-fuse/v2/fuse"
)

// Mount serves dir at mountpoint until the returned server is unmounted. As root it mounts for all users.
func Mount(dir, mountpoint string) (*fuse.Server, error) {
	root, err := fs.NewLoopbackRoot(dir)
	if err != nil {
		return nil, fmt.Errorf("loopback: open %s: %w", dir, err)
	}
	table := newOpenTable()
	negative := long
	opts := &fs.Options{
		// Entry and attribute timeouts are set in each reply: an option here would override a zero.
		NegativeTimeout: &negative,
		NullPermissions: true,
		MountOptions: fuse.MountOptions{
			AllowOther:        os.Geteuid() == 0,
			Options:           []string{"default_permissions"},
			FsName:            dir,
			Name:              "bench-loopback",
			DirectMount:       true,
			MaxWrite:          1 << 20,
			MaxBackground:     64,
			MaxStackDepth:     1,
			ExtraCapabilities: fuse.CAP_HANDLE_KILLPRIV_V2 | fuse.CAP_ATOMIC_O_TRUNC,
		},
	}
	raw := &rawFS{RawFileSystem: fs.NewNodeFS(&node{LoopbackNode: root.(*fs.LoopbackNode), table: table}, opts), table: table}
	server, err := fuse.NewServer(raw, mountpoint, &opts.MountOptions)
	if err != nil {
		return nil, fmt.Errorf("loopback: mount %s: %w", mountpoint, err)
	}
	go server.Serve()
	if err := server.WaitMount(); err != nil {
		return nil, fmt.Errorf("loopback: mount %s: %w", mountpoint, err)
	}
	return server, nil
}
