package ref

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"strings"

	"jeton/internal/gitstore/object"
)

// packedFile is packed-refs.
type packedFile struct {
	path    string
	stamp   stamp
	sure    bool
	all     []Ref // sorted, with those that are not for clients
	visible []Ref // sorted
	times   int   // how often it was read
	peeled  bool  // the file tells of every tag what it finally names
}

// refresh reads the file if it may have changed.
func (p *packedFile) refresh(format object.Format) error {
	read := now()
	s, err := look(p.path)
	if err != nil {
		return err
	}
	if s == p.stamp && (p.sure || !s.exists()) {
		p.sure = true
		return nil
	}
	data, err := os.ReadFile(p.path)
	if errors.Is(err, fs.ErrNotExist) {
		s, err = stamp{}, nil
	}
	if err != nil {
		return err
	}
	p.parse(format, string(data))
	p.stamp, p.sure = s, s.sure(read)
	p.times++
	return nil
}

func (p *packedFile) parse(format object.Format, data string) {
	head, _, _ := strings.Cut(data, "\n")
	p.peeled = data == "" || strings.HasPrefix(head, "# ") && strings.Contains(head, " fully-peeled ")
	all := make([]Ref, 0, strings.Count(data, "\n"))
	hidden := 0
	digits := 2 * format.Size()
	for line := range strings.SplitSeq(data, "\n") {
		if len(line) > 0 && line[0] == '^' {
			if id, ok := format.ParseID(line[1:]); ok && len(all) > 0 {
				all[len(all)-1].Peeled = id
			}
			continue
		}
		if len(line) < digits+2 || line[digits] != ' ' {
			continue
		}
		id, ok := format.ParseID(line[:digits])
		if name := line[digits+1:]; ok && object.CheckRefName(name) {
			all = append(all, Ref{Name: name, ID: id})
			if !object.Visible(name) {
				hidden++
			}
		}
	}
	sortRefs(all)
	all = lastOfEach(all)
	p.all, p.visible = all, all
	if hidden > 0 {
		p.visible = make([]Ref, 0, len(all)-hidden)
		for _, r := range all {
			if object.Visible(r.Name) {
				p.visible = append(p.visible, r)
			}
		}
	}
}

// lastOfEach drops all but the last of refs with one name.
func lastOfEach(list []Ref) []Ref {
	out := list[:0]
	for i := range list {
		if i+1 < len(list) && list[i+1].Name == list[i].Name {
			continue
		}
		out = append(out, list[i])
	}
	return out
}

// packedHead says that every tag is followed by what it finally names, and that
// the names are sorted, as git's own pack-refs writes it.
const packedHead = "# pack-refs with: peeled fully-peeled sorted \n"

// WritePacked writes sorted refs as a whole packed-refs file.
func WritePacked(f io.Writer, list []Ref) error {
	buf := append(make([]byte, 0, 256<<10), packedHead...)
	for i := range list {
		buf = appendLine(buf, &list[i])
		if p := list[i].Peeled; p != "" {
			buf = append(append(append(buf, '^'), p...), '\n')
		}
		if len(buf) > 250<<10 {
			if _, err := f.Write(buf); err != nil {
				return err
			}
			buf = buf[:0]
		}
	}
	_, err := f.Write(buf)
	return err
}
