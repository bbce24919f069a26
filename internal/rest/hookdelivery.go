package rest

import (
	"encoding/json"
	"strconv"
	"strings"

	"jeton/internal/hook"
	"jeton/internal/id"
	"jeton/internal/problem"
)

// deliveryItem is GitHub's "hook-delivery-item".
type deliveryItem struct {
	ID             int64   `json:"id"`
	GUID           string  `json:"guid"`
	DeliveredAt    *string `json:"delivered_at"`
	Redelivery     bool    `json:"redelivery"`
	Duration       float64 `json:"duration"` // seconds
	Status         string  `json:"status"`
	StatusCode     int     `json:"status_code"`
	Event          string  `json:"event"`
	Action         *string `json:"action"`
	InstallationID *int64  `json:"installation_id"`
	RepositoryID   *int64  `json:"repository_id"`
	ThrottledAt    *string `json:"throttled_at"`
}

// deliveryAnswer is GitHub's "hook-delivery".
type deliveryAnswer struct {
	deliveryItem
	URL      string           `json:"url"`
	Request  deliveryRequest  `json:"request"`
	Response deliveryResponse `json:"response"`
}

type deliveryRequest struct {
	Headers map[string]string `json:"headers"`
	Payload any               `json:"payload"` // the object that was sent
}

type deliveryResponse struct {
	Headers map[string]string `json:"headers"`
	Payload *string           `json:"payload"`
}

func itemOf(x *hook.Delivery) deliveryItem {
	var in *int64
	if n := int64(x.Repo); n != 0 {
		in = &n
	}
	return deliveryItem{ID: int64(x.ID), GUID: x.GUID, DeliveredAt: stamp(x.At), Redelivery: x.Redelivery, Duration: x.Took.Seconds(), Status: x.Status,
		StatusCode: x.Code, Event: x.Event, Action: optional(x.Action), RepositoryID: in}
}

func (d *Door) listDeliveries(c *call) (any, error) {
	h, err := c.hook()
	if err != nil {
		return nil, err
	}
	q := c.r.URL.Query()
	var failed *bool
	switch word := q.Get("status"); word {
	case "":
	case "success", "failure":
		is := word == "failure"
		failed = &is
	default:
		return nil, problem.Field("status", "status must be success or failure")
	}
	// GitHub's cursors are opaque; ours have a letter so that nobody takes them
	// for a page.
	var before id.Delivery
	if cursor := q.Get("cursor"); cursor != "" {
		rest, ok := strings.CutPrefix(cursor, "v1_")
		if before, _ = id.Parse[id.Delivery](rest); !ok || before == 0 {
			return nil, problem.Field("cursor", "cursor is none that the header Link gave")
		}
	}
	_, perPage := c.page()
	list, err := d.o.Hooks.Deliveries(c.r.Context(), d.o.DB, h.ID, before, perPage+1, failed)
	if err != nil {
		return nil, err
	}
	if len(list) > perPage {
		list = list[:perPage]
		q.Set("cursor", "v1_"+strconv.FormatInt(int64(list[perPage-1].ID), 10))
		c.w.Header().Set("Link", "<"+d.o.Gate.URL(c.r.URL.EscapedPath())+"?"+q.Encode()+`>; rel="next"`)
	}
	out := make([]deliveryItem, len(list))
	for i := range list {
		out[i] = itemOf(&list[i])
	}
	return out, nil
}

// delivery loads the hook and the delivery that the path names.
func (c *call) delivery() (hook.Exchange, error) {
	h, err := c.hook()
	if err != nil {
		return hook.Exchange{}, err
	}
	n, ok := id.Parse[id.Delivery](c.r.PathValue("delivery_id"))
	if !ok {
		return hook.Exchange{}, errNotFound
	}
	x, err := c.door.o.Hooks.Exchange(c.r.Context(), c.door.o.DB, h.ID, n)
	return x, orMissing(err)
}

func (d *Door) getDelivery(c *call) (any, error) {
	x, err := c.delivery()
	if err != nil {
		return nil, err
	}
	out := deliveryAnswer{deliveryItem: itemOf(&x.Delivery), URL: x.URL, Request: deliveryRequest{headersOf(x.Asked), nil}, Response: deliveryResponse{headersOf(x.Answered), nil}}
	if x.Payload != nil {
		out.Request.Payload = json.RawMessage(x.Payload)
	}
	if x.Answer != nil {
		text := strings.ToValidUTF8(string(x.Answer), "\uFFFD")
		out.Response.Payload = &text
	}
	return out, nil
}

func headersOf(list []hook.Header) map[string]string {
	out := map[string]string{}
	for _, h := range list {
		if was, ok := out[h.Name]; ok {
			h.Value = was + ", " + h.Value
		}
		out[h.Name] = h.Value
	}
	return out
}

func (d *Door) redeliver(c *call) (any, error) {
	x, err := c.delivery()
	if err != nil {
		return nil, err
	}
	return struct{}{}, orMissing(d.o.Hooks.Redeliver(c.r.Context(), x.Hook, x.ID))
}
