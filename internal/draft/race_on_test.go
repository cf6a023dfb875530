//go:build race

package draft

// largeFile is smaller with the race detector, which makes hashing slow. It still
// reaches into the second class of chunk sizes.
const largeFile = 80 << 20
