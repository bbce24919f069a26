package gitstore

import (
	"bytes"
	"context"
	"os"

	"jeton/internal/gitstore/pktline"
	"jeton/internal/gitstore/pour"
	"jeton/internal/gitstore/run"
	"jeton/internal/gitstore/wire"
)

// packWhole answers a request for all that the wants reach, from a client that
// has nothing. There is nothing to negotiate then, and git upload-pack would
// only stand between git pack-objects and us: it copies the pack in pieces of
// 8 KiB, which costs a quarter of the whole.
func (r *Repo) packWhole(ctx context.Context, u Upload) error {
	c := run.Command{Name: "pack-objects", Flags: []run.Flag{"--revs", "--stdout"}, Config: u.config()}
	if u.Want.Has("ofs-delta") {
		c.Flags = append(c.Flags, "--delta-base-offset")
	}
	if u.Want.Has("include-tag") {
		c.Flags = append(c.Flags, "--include-tag")
	}
	var wants bytes.Buffer
	for _, id := range u.Want.Wants {
		wants.WriteString(string(id) + "\n")
	}
	c.Stdin = &wants
	b := pour.NewBands(u.Out, wholeHead(u.Version))
	if !u.Want.Has("no-progress") {
		c.Flags = append(c.Flags, "--progress")
		c.Stderr = b.Progress()
	}
	p, err := r.bare.Start(ctx, c)
	if err != nil {
		return err
	}
	p.Yield(u.Idle)
	if err := b.Pack(p.Stdout.(*os.File)); err != nil {
		return p.Abandon(err)
	}
	if err := p.Wait(); err != nil {
		return err
	}
	return b.End()
}

// wholeHead is what comes before the pack: in versions 0 and 1 that there is
// nothing in common.
func wholeHead(v wire.Version) []byte {
	if v == wire.V2 {
		return pktline.Append(nil, "packfile\n")
	}
	return pktline.Append(nil, "NAK\n")
}
