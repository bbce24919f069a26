package object

import (
	"bytes"
	"strings"
)

// Proof is a signature as a commit or tag carries it, not checked by anybody,
// and the bytes that it is of.
type Proof struct {
	Text    string // in armour
	Payload []byte
}

// commitProof takes the signature out of a commit's headers as git does: the one
// of the repository's own format is the signature, and that of the other format,
// which the same commit may carry, is no part of what was signed.
func commitProof(format Format, data []byte) *Proof {
	own := "gpgsig "
	if format == SHA256 {
		own = "gpgsig-sha256 "
	}
	var text strings.Builder
	payload := make([]byte, 0, len(data))
	inOwn, inOther := false, false
	for len(data) > 0 {
		line, rest := cutLine(data)
		switch {
		case inOwn && line[0] == ' ':
			text.Write(line[1:])
		case bytes.HasPrefix(line, []byte(own)):
			inOwn, inOther = true, false
			text.Write(line[len(own):])
		case bytes.HasPrefix(line, []byte("gpgsig")):
			inOwn, inOther = false, true
		case inOther && line[0] == ' ':
		case line[0] == '\n':
			return newProof(text.String(), append(payload, data...))
		default:
			inOwn, inOther = false, false
			payload = append(payload, line...)
		}
		data = rest
	}
	return newProof(text.String(), payload)
}

func newProof(text string, payload []byte) *Proof {
	if text == "" {
		return nil
	}
	return &Proof{Text: text, Payload: payload}
}

// cutLine cuts data, which is not empty, behind its first line.
func cutLine(data []byte) (line, rest []byte) {
	if i := bytes.IndexByte(data, '\n'); i >= 0 {
		return data[:i+1], data[i+1:]
	}
	return data, nil
}

var signatureBegins = [...]string{"-----BEGIN PGP SIGNATURE-----", "-----BEGIN PGP MESSAGE-----", "-----BEGIN SSH SIGNATURE-----", "-----BEGIN SIGNED MESSAGE-----"}

// tagProof takes the signature from the end of a tag: it begins at the last line
// that looks like the beginning of one, as git has it. Signatures in headers are
// of another format and no part of what was signed.
func tagProof(data []byte) *Proof {
	at := -1
	for from := 0; from < len(data); {
		line, _ := cutLine(data[from:])
		if line[0] == '-' {
			for _, begin := range signatureBegins {
				if bytes.HasPrefix(line, []byte(begin)) {
					at = from
				}
			}
		}
		from += len(line)
	}
	if at < 0 {
		return nil
	}
	payload := data[:at]
	if bytes.HasPrefix(payload, []byte("gpgsig")) || bytes.Contains(payload, []byte("\ngpgsig")) {
		payload = withoutHeaders(payload)
	}
	return newProof(string(data[at:]), bytes.Clone(payload))
}

func withoutHeaders(data []byte) []byte {
	out := make([]byte, 0, len(data))
	skip := false
	for len(data) > 0 {
		line, rest := cutLine(data)
		if line[0] == '\n' {
			return append(out, data...)
		}
		skip = bytes.HasPrefix(line, []byte("gpgsig")) || skip && line[0] == ' '
		if !skip {
			out = append(out, line...)
		}
		data = rest
	}
	return out
}
