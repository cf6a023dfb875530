// Package bench compares the drive with a plain directory and with a FUSE loopback that has every switch set (package loopback).
// All three lie on one filesystem and run the same workload code, in interleaved rounds within one run, because on a shared
// machine only ratios within a round mean anything.
//
// # How a figure comes about
//
// A [Workload] prepares its files untimed, then measures one section. Before each section everything that earlier ones left
// behind is finished, untimed and on all three: the drive seals what was closed (`rdfs sync`), and the filesystem is synced. So a
// figure is what the person who saves waits for, not what happens afterwards; the CPU time of the daemons during the section is
// printed beside it, and [Soak] measures sealing under continuous load. The order of the directories rotates each round. Ratios are
// taken per round; the table shows the medians of rates and of ratios.
//
// A cold section starts with empty page, entry and inode caches (/proc/sys/vm/drop_caches). A warm one is preceded by an untimed pass.
//
// A plain directory on a grown root filesystem is a bad baseline for creating files, so as root everything lies in a fresh ext4 in
// a loop image, which is removed at the end.
//
// # Caveats
//
// Cold sections need root. The drive is measured as its binary mounts it; nothing is set for the benchmark but the free naming
// scheme. Differences under a quarter for reads, and under two times for creating and syncing, mean little on a busy machine.
package bench
