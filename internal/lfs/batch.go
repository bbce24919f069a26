package lfs

import (
	"math"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"jeton/internal/httpkit"
	"jeton/internal/largefile"
	"jeton/internal/problem"
)

// batchRequest is the body of a batch. Unknown fields are passed over.
type batchRequest struct {
	Operation string        `json:"operation"`
	Transfers []string      `json:"transfers"`
	Ref       *wireRef      `json:"ref"`
	Objects   []batchObject `json:"objects"`
	HashAlgo  string        `json:"hash_algo"`
}

type wireRef struct {
	Name string `json:"name"`
}

type batchObject struct {
	OID  string `json:"oid"`
	Size int64  `json:"size"`
}

// check refuses what no batch may say, whoever asks.
func (b *batchRequest) check() error {
	if b.Operation != "download" && b.Operation != "upload" {
		return problem.Field("operation", "operation must be download or upload")
	}
	if b.HashAlgo != "" && b.HashAlgo != "sha256" {
		return problem.New(problem.Conflict, "The hash of an object's name must be sha256.", "")
	}
	if len(b.Objects) > maxBatch {
		return problem.New(problem.TooLarge, "A batch can name "+strconv.Itoa(maxBatch)+" objects.", "Ask for fewer at a time: git config lfs.transfer.batchSize 100")
	}
	// basic is what every client can; one that offers other ways alone is
	// answered with it all the same, as the protocol has it.
	if b.Ref != nil {
		return largefile.CheckRef(b.Ref.Name)
	}
	return nil
}

// parseBatch reads the body, which says what is asked of the gate.
func (d *Door) parseBatch(c *call) error {
	b := &batchRequest{}
	if err := c.readJSON(b); err != nil {
		return err
	}
	if err := b.check(); err != nil {
		return err
	}
	if said := c.r.URL.Query()["operation"]; len(said) > 0 && !slices.Equal(said, []string{b.Operation}) {
		return &httpkit.Wrong{Status: http.StatusBadRequest, Text: "The operation in the query is not the one in the body."}
	}
	i := slices.IndexFunc(table[:], func(r route) bool { return r.pattern == batchPattern+"?operation="+b.Operation })
	c.route, c.batch = table[i], b
	return nil
}

// batchAnswer is the answer to a batch.
type batchAnswer struct {
	Transfer string         `json:"transfer"`
	Objects  []answerObject `json:"objects"`
	HashAlgo string         `json:"hash_algo"`
}

type answerObject struct {
	OID     string            `json:"oid"`
	Size    int64             `json:"size"`
	Actions map[string]action `json:"actions,omitempty"`
	Error   *objectError      `json:"error,omitempty"`
}

// action is what the client shall do. It never says that the client needs no
// credential of its own: when this one has ended, git-lfs takes that.
type action struct {
	Href      string            `json:"href"`
	Header    map[string]string `json:"header,omitempty"`
	ExpiresIn int               `json:"expires_in,omitempty"` // seconds
	ExpiresAt *time.Time        `json:"expires_at,omitempty"`
}

type objectError struct {
	Code    int    `json:"code"`
	Message string `json:"message"`
}

// links makes the actions of one batch.
type links struct {
	base   string
	header map[string]string
	until  time.Time
	in     int
}

// links makes the credential of the batch. The links lead to where the
// repository is today.
func (d *Door) links(c *call, op operation) (links, error) {
	l := links{base: d.o.Gate.URL((&url.URL{Path: "/" + c.repo.FullName() + ".git/" + prefix + "/objects/"}).EscapedPath())}
	value, until, err := d.newTicket(c, op)
	if err != nil || value.IsZero() {
		return l, err
	}
	l.header = map[string]string{"Authorization": value.Reveal()} // the one place where it is told
	l.until, l.in = until, int(until.Sub(d.o.Now()).Seconds())
	return l, nil
}

func (l *links) to(path string) action {
	a := action{Href: l.base + path, Header: l.header}
	if l.header != nil {
		a.ExpiresIn, a.ExpiresAt = l.in, &l.until
	}
	return a
}

// lasting is a link without the word that its credential ends: git-lfs gives up
// on one that has ended, while it asks again with its own credential after a
// 401. An upload may take longer than the credential lives, and is verified
// afterwards.
func (l *links) lasting(path string) action { return action{Href: l.base + path, Header: l.header} }

// lookUp says for each object of the batch what is wrong with it, or whether
// the repository holds it.
func (d *Door) lookUp(c *call) (out []answerObject, held map[largefile.OID]int64, err error) {
	var oids []largefile.OID
	for _, o := range c.batch.Objects {
		a := answerObject{OID: o.OID, Size: o.Size}
		oid, ok := largefile.ParseOID(o.OID)
		switch {
		case !ok:
			a.OID = strings.ToValidUTF8(o.OID[:min(len(o.OID), 128)], "")
			a.Error = &objectError{http.StatusUnprocessableEntity, "The oid is not a SHA-256 in lower-case hexadecimal digits."}
		case o.Size < 0:
			a.Error = &objectError{http.StatusUnprocessableEntity, "The size is negative."}
		default:
			oids = append(oids, oid)
		}
		out = append(out, a)
	}
	held, err = d.o.Files.Held(c.ctx(), d.o.DB, c.repo.ID, oids)
	if out == nil {
		out = []answerObject{}
	}
	return out, held, err
}

const otherSize = "The object has another size."

func batchDownload(d *Door, c *call) error {
	objects, held, err := d.lookUp(c)
	if err != nil {
		return err
	}
	l, err := d.links(c, download)
	if err != nil {
		return err
	}
	for i := range objects {
		o := &objects[i]
		size, ok := held[largefile.OID(o.OID)]
		switch {
		case o.Error != nil:
		case !ok:
			o.Error = &objectError{http.StatusNotFound, "Object does not exist"}
		case size != o.Size:
			o.Error = &objectError{http.StatusUnprocessableEntity, otherSize}
		default:
			o.Actions = map[string]action{"download": l.to(o.OID)}
		}
	}
	return c.answer(http.StatusOK, batchAnswer{Transfer: "basic", Objects: objects, HashAlgo: "sha256"})
}

// batchUpload asks for the bytes of whatever the repository does not hold,
// though the server may have them: who knows an object's name need not have it.
func batchUpload(d *Door, c *call) error {
	objects, held, err := d.lookUp(c)
	if err != nil {
		return err
	}
	l, err := d.links(c, upload)
	if err != nil {
		return err
	}
	more := map[string]int64{}
	for i := range objects {
		o := &objects[i]
		size, ok := held[largefile.OID(o.OID)]
		switch {
		case o.Error != nil:
		case ok && size != o.Size:
			o.Error = &objectError{http.StatusUnprocessableEntity, otherSize}
		case ok && d.o.Files.Whole(c.ctx(), largefile.OID(o.OID), size):
		case o.Size > d.o.Files.MaxSize():
			p := problem.Of(d.o.Files.TooLarge())
			o.Error = &objectError{http.StatusUnprocessableEntity, p.Public + " " + p.Remedy}
		default:
			if !ok {
				more[o.OID] = o.Size
			}
			o.Actions = map[string]action{"upload": l.to(o.OID + "?size=" + strconv.FormatInt(o.Size, 10)), "verify": l.lasting(o.OID + "/verify")}
		}
	}
	var total int64
	for _, n := range more {
		if total += n; total < 0 {
			total = math.MaxInt64
			break
		}
	}
	if err := d.o.Files.Admit(c.ctx(), c.repo.ID, total); err != nil {
		return err
	}
	return c.answer(http.StatusOK, batchAnswer{Transfer: "basic", Objects: objects, HashAlgo: "sha256"})
}
