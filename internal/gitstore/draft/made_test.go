package draft

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"jeton/internal/gitstore/object"
	"jeton/internal/problem"
)

func testMade(t *testing.T) made {
	t.Helper()
	return made{dir: filepath.Join(t.TempDir(), "made", "7"), format: object.SHA1, now: time.Now()}
}

func TestMade_life(t *testing.T) {
	t.Parallel()
	m := testMade(t)
	empty := Object{ID: "e69de29bb2d1d6434b8b29ae775ad8c2e48c5391", Kind: object.KindBlob}
	if _, err := m.read(empty.ID); !problem.Is(err, problem.NotFound) {
		t.Errorf("before: %v", err)
	}
	for range 2 { // again is no matter
		if err := m.put([]Object{empty}); err != nil {
			t.Fatal(err)
		}
	}
	if o, err := m.read(empty.ID); err != nil || o.Kind != object.KindBlob || len(o.Data) != 0 {
		t.Errorf("read: %+v, %v", o, err)
	}
	names, size, err := m.names()
	if err != nil || len(names) != 1 || size == 0 {
		t.Errorf("names: %v, %d, %v", names, size, err)
	}
	m.now = m.now.Add(madeFor + time.Minute)
	if names, _, err = m.names(); err != nil || len(names) != 0 {
		t.Errorf("after a day: %v, %v", names, err)
	}
	if left, _ := os.ReadDir(m.dir); len(left) != 0 {
		t.Errorf("left: %v", left)
	}
}

// TestMade_damaged: what is not what its name says is not there.
func TestMade_damaged(t *testing.T) {
	t.Parallel()
	m := testMade(t)
	id := object.ID("e69de29bb2d1d6434b8b29ae775ad8c2e48c5391")
	other, err := packed(Object{Kind: object.KindBlob, Data: []byte("other")})
	if err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(m.dir, 0o700); err != nil {
		t.Fatal(err)
	}
	for name, data := range map[string][]byte{"nothing": nil, "no zlib": []byte("x"), "another content": other, "cut short": other[:len(other)-6]} {
		if err := os.WriteFile(m.path(id), data, 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := m.read(id); !problem.Is(err, problem.NotFound) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestMade_full(t *testing.T) {
	t.Parallel()
	m := testMade(t)
	if err := m.put(make([]Object, madeMost+1)); !problem.Is(err, problem.TooMany) {
		t.Errorf("too many: %v", err)
	}
}
