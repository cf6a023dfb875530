//go:build !race

package draft

// largeFile is the size of the large file of the tests, in bytes.
const largeFile = 512 << 20
