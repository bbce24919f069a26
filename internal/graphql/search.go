package graphql

import "context"

// Search finds repositories; nothing else can be searched for here.
func (q *root) Search(ctx context.Context, args struct {
	paging
	Query string
	Type  string
}) (*found, error) {
	if args.Type != "REPOSITORY" {
		w, err := args.window(ctx, "search", 0)
		if err != nil {
			return nil, err
		}
		return &found{page([]*item{}, w)}, nil
	}
	s := sessionOf(ctx)
	query, none, err := q.d.o.Gate.Search(ctx, &s.actor, args.Query)
	if err != nil {
		return nil, err
	}
	if none {
		w, err := args.window(ctx, "search", 0)
		if err != nil {
			return nil, err
		}
		return &found{page([]*item{}, w)}, nil
	}
	list, err := q.d.list(ctx, "search", query, &args.paging)
	if err != nil {
		return nil, err
	}
	out := &connection[*item]{skip: list.skip, more: list.more, total: list.total}
	for _, r := range list.nodes {
		out.nodes = append(out.nodes, &item{r})
	}
	return &found{out}, nil
}

// found is a page of results.
type found struct{ *connection[*item] }

// RepositoryCount is how many repositories were found.
func (f *found) RepositoryCount() int32 { return f.TotalCount() }

// UserCount is 0: only repositories can be searched for.
func (*found) UserCount() int32 { return 0 }

// IssueCount is 0: only repositories can be searched for.
func (*found) IssueCount() int32 { return 0 }

// CodeCount is 0: only repositories can be searched for.
func (*found) CodeCount() int32 { return 0 }

// item is one result.
type item struct{ repo *repository }

// ToRepository is for fragments on Repository.
func (i *item) ToRepository() (*repository, bool) { return i.repo, i.repo != nil }
