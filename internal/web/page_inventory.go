package web

import (
	"html/template"
	"slices"
	"time"

	"jeton/internal/id"
	"jeton/internal/inventory"
)

// inventoryPage is the list of all tokens that can touch what somebody answers for:
// the site, or an organisation.
type inventoryPage struct {
	OrgFrame
	Path    string
	Filter  inventory.Filter
	Kept    []hiddenField // the filter, beside what is chosen
	Choices []choiceField // the filter's lists
	Known   []string      // scopes and permissions
	Chips   []chip
	Rows    []inventoryRow
	Order   string
	Looked  int
	Next    string
	First   string // empty on the first page
	Query   template.URL
	Chosen  bool   // every box is ticked
	Choose  string // the same page with every box ticked
}

// choiceField is one list of choices.
type choiceField struct {
	Name, Label string
	Options     []choice
}

// chip is a part of the filter that holds, with the page without it.
type chip struct{ Text, Href string }

// inventoryRow is a token in the list.
type inventoryRow struct {
	ID                           id.Token
	Login, Kind, Name, LastEight string
	Gives, Reaches               string
	Created, Used                time.Time
	UsedDay                      string // instead of the exact moment
	Address, Client              string
	Expiry                       expiry
	Frozen, Barred               bool
}

// endTokensPage asks whether to end some tokens, or to let them in again.
type endTokensPage struct {
	OrgFrame
	Path, Heading, Action, Button string
	Consequences                  []string
	Chips                         []chip
	Hidden                        []hiddenField
	Rows                          []inventoryRow // the first of them
	More                          int            // how many are not shown
	Reason                        string
}

// inventoryChoices are the lists of choices of the filter, in words.
func inventoryChoices(org bool) []choiceField {
	spans := func(before, after string, these ...string) []choice {
		words := map[string]string{"1d": "day", "7d": "7 days", "30d": "30 days", "90d": "90 days", "180d": "180 days", "1y": "a year", "2y": "2 years"}
		var out []choice
		for _, one := range these {
			out = append(out, choice{Value: one, Text: before + words[one] + after})
		}
		return out
	}
	fields := []choiceField{
		{Name: "kind", Label: "Kind", Options: []choice{{Value: "classic", Text: "Classic"}, {Value: "fine-grained", Text: "Fine-grained"}, {Value: "oauth", Text: "Of an application"},
			{Value: "deploy", Text: "Deploy token"}, {Value: "exchanged", Text: "Exchanged"}}},
		{Name: "unused", Label: "Not used", Options: append([]choice{{Value: "never", Text: "Never used"}}, spans("Not for ", "", "30d", "90d", "180d", "1y")...)},
		{Name: "used", Label: "Used", Options: spans("Within the last ", "", "1d", "7d", "30d")},
		{Name: "older", Label: "Made before", Options: append(spans("", " ago", "30d", "90d", "180d"), choice{Value: "1y", Text: "A year ago"}, choice{Value: "2y", Text: "2 years ago"})},
		{Name: "newer", Label: "Made lately", Options: spans("Within the last ", "", "1d", "7d", "30d")},
		{Name: "ends", Label: "Ends", Options: append([]choice{{Value: "never", Text: "Never ends"}, {Value: "expired", Text: "Has expired"}, {Value: "current", Text: "Has not expired"}}, spans("Within ", "", "7d", "30d", "90d")...)},
		{Name: "reach", Label: "Reach", Options: []choice{{Value: "anywhere", Text: "Wherever its owner may"}, {Value: "all", Text: "All repositories of one owner"},
			{Value: "selected", Text: "Selected repositories"}, {Value: "public", Text: "Public repositories only"}}},
	}
	if org {
		fields = append(fields, choiceField{Name: "barred", Label: "State", Options: []choice{{Value: "yes", Text: "Shut out"}}})
	}
	return fields
}

// choices are the lists with what f has chosen. What a link has chosen beside them is
// offered too.
func choices(f *inventory.Filter, org bool) []choiceField {
	fields := inventoryChoices(org)
	for i := range fields {
		o := &fields[i]
		value := valueOf(f, o.Name)
		known := value == ""
		for j := range o.Options {
			if o.Options[j].Value == value && value != "" {
				o.Options[j].Selected, known = true, true
			}
		}
		if !known {
			o.Options = append(o.Options, choice{Value: value, Text: line(value), Selected: true})
		}
		o.Options = slices.Insert(o.Options, 0, choice{Text: "Any"})
	}
	return fields
}

func valueOf(f *inventory.Filter, name string) string {
	for _, one := range f.Fields() {
		if one.Name == name {
			return *one.Value
		}
	}
	return ""
}

// chips are the parts of f in words, each with the list without it.
func chips(f inventory.Filter, path string, org bool) []chip {
	labels := map[string]string{"owner": "Owner", "of": "Reaches", "may": "May"}
	words := map[string]string{}
	for _, one := range choices(&f, org) {
		labels[one.Name] = one.Label
		for _, c := range one.Options {
			if c.Selected {
				words[one.Name] = c.Text
			}
		}
	}
	var out []chip
	for _, one := range f.Fields() {
		if *one.Value == "" || labels[one.Name] == "" {
			continue
		}
		text := words[one.Name]
		if text == "" {
			text = line(*one.Value)
		}
		without := f.Query()
		without.Del(one.Name)
		out = append(out, chip{Text: labels[one.Name] + ": " + text, Href: path + "?" + without.Encode()})
	}
	return out
}
