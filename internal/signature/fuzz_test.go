package signature_test

import (
	"strings"
	"testing"
	"time"

	"jeton/internal/problem"
	"jeton/internal/signature"
)

// armours are beginnings for the fuzzers: nothing in them is anybody's key.
var armours = []string{
	"", "x",
	"-----BEGIN SSH SIGNATURE-----\n-----END SSH SIGNATURE-----",
	"-----BEGIN SSH SIGNATURE-----\nU1NIU0lHAAAAAQAAADMAAAALc3NoLWVkMjU1MTkAAAAgAAAAAAAAAAAAAAAAAAAAAAAAAAAA\nAAAAAAAAAAAAAAAAAAADZ2l0AAAAAAAAAAZzaGE1MTIAAAAA\n-----END SSH SIGNATURE-----",
	"-----BEGIN PGP SIGNATURE-----\n\niHUEABYKAB0WIQ==\n-----END PGP SIGNATURE-----",
	"-----BEGIN PGP SIGNATURE-----\n-----BEGIN PGP SIGNATURE-----\n-----END PGP SIGNATURE-----",
	"-----BEGIN SIGNED MESSAGE-----\nMIIB\n-----END SIGNED MESSAGE-----",
	"-----BEGIN PGP PUBLIC KEY BLOCK-----\n\nmDMEAAAAABYJKwYBBAHaRw8BAQdA\n=AAAA\n-----END PGP PUBLIC KEY BLOCK-----",
}

// FuzzParse: whatever a commit carries, reading it ends, and what can be read is
// checked without harm.
func FuzzParse(f *testing.F) {
	for _, a := range armours {
		f.Add(a)
	}
	key, err := signature.ParseSSHKey("ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA")
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, text string) {
		s, err := signature.Parse(text)
		if err != nil {
			if s != nil || err != signature.ErrMalformed && err != signature.ErrUnknownType {
				t.Errorf("%v, %v", s, err)
			}
			return
		}
		if s.KeyID == "" || s.Kind == "" {
			t.Errorf("a signature that names no key: %+v", s)
		}
		if o := s.CheckSSH([]byte("payload"), key); o.At(time.Now()) == signature.Valid {
			t.Error("a made-up signature is valid")
		}
	})
}

func FuzzParseSSHKey(f *testing.F) {
	f.Add("ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA ada@example.com")
	f.Add("ssh-rsa AAAA")
	f.Fuzz(func(t *testing.T, text string) {
		k, err := signature.ParseSSHKey(text)
		if err != nil {
			if p := problem.Of(err); p.Kind != problem.Invalid || p.Field != "key" {
				t.Errorf("%v", err)
			}
			return
		}
		again, err := signature.ParseSSHKey(k.Text)
		if err != nil || again.Fingerprint != k.Fingerprint {
			t.Errorf("%q is read as %q, which is not read again: %v", text, k.Text, err)
		}
	})
}

func FuzzParsePGPKey(f *testing.F) {
	for _, a := range armours {
		f.Add(a)
	}
	f.Fuzz(func(t *testing.T, text string) {
		k, err := signature.ParsePGPKey(text)
		if err != nil {
			if p := problem.Of(err); p.Kind != problem.Invalid || p.Field != "armored_public_key" {
				t.Errorf("%v", err)
			}
			return
		}
		if again, err := signature.ParsePGPKey(k.Raw); err != nil || again.Fingerprint != k.Fingerprint {
			t.Errorf("what was read is not read again: %v", err)
		}
	})
}

// TestParse_bounds: what is too large is not looked at.
func TestParse_bounds(t *testing.T) {
	t.Parallel()
	long := "-----BEGIN PGP SIGNATURE-----\n\n" + strings.Repeat(strings.Repeat("A", 64)+"\n", signature.MaxSize/64) + "-----END PGP SIGNATURE-----"
	if _, err := signature.Parse(long); err != signature.ErrMalformed {
		t.Errorf("a signature of %d bytes: %v", len(long), err)
	}
	if _, err := signature.ParsePGPKey(strings.ReplaceAll(long, "SIGNATURE", "PUBLIC KEY BLOCK") + strings.Repeat("A", 128<<10)); !strings.Contains(problem.Of(err).Public, "128 KiB") {
		t.Errorf("a large key: %v", err)
	}
}
