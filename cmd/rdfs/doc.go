// Command rdfs mounts a drive for research data: every save is a version, and every
// version can be read and restored. `rdfs help` lists the commands.
//
// One file holds one command. What a command needs of the repository it gets from
// connect (target.go): the running mount, over the control socket, or else the
// repository itself, opened under its lock. Only wire.go knows which packages a
// repository is made of.
package main
