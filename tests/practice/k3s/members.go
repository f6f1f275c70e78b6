package main

import (
	"context"
	"encoding/json"
	"errors"
	"log"
	"os"
	"slices"
	"strings"
	"time"

	"go.etcd.io/etcd/api/v3/etcdserverpb"
	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"
	clientv3 "go.etcd.io/etcd/client/v3"
)

const ownEtcd = "https://127.0.0.1:2379"

func peerURL(ip string) string { return "https://" + ip + ":2380" }

// withMembers opens etcd and hands over its client and its list of members.
func withMembers(ctx context.Context, endpoints []string, do func(context.Context, *clientv3.Client, []*etcdserverpb.Member) error) error {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	client, err := etcdClient(endpoints...)
	if err != nil {
		return err
	}
	defer client.Close()
	list, err := client.MemberList(ctx)
	if err != nil {
		return err
	}
	return do(ctx, client, list.Members)
}

// memberURLs is where the cluster's etcd members answer.
func memberURLs(ctx context.Context) (urls []string, err error) {
	err = withMembers(ctx, []string{ownEtcd}, func(_ context.Context, _ *clientv3.Client, members []*etcdserverpb.Member) error {
		for _, m := range members {
			// A learner answers no questions about members.
			if !m.IsLearner {
				urls = append(urls, m.ClientURLs...)
			}
		}
		return nil
	})
	return urls, err
}

// joinedMembers are those a joining server was told of.
func joinedMembers() (urls []string) {
	if text, err := os.ReadFile(etcdMembersFile); err == nil {
		if err := json.Unmarshal(text, &urls); err != nil {
			log.Printf("%s: %v", etcdMembersFile, err)
		}
	}
	return urls
}

// errDuplicate is K3s' word for a member that an earlier installation of this machine, or another machine, has left.
var errDuplicate = errors.New("duplicate node name found, please use a unique name for this node")

// joinEtcd announces this server to etcd as a learner, until etcd takes it. It returns what --initial-cluster must say. As
// in K3s a member that is in its place ends the service.
func joinEtcd(ctx context.Context, cfg *Config, name string) (cluster string, err error) {
	var taken error
	err = until(ctx, "become a member of etcd", 2*time.Second, func() (err error) {
		cluster, err = addMember(ctx, cfg, name)
		if errors.Is(err, errDuplicate) || errors.Is(err, rpctypes.ErrPeerURLExist) {
			taken = err
			return nil
		}
		return err
	})
	if errors.Is(taken, errDuplicate) {
		// The next start draws another name.
		taken = errors.Join(taken, os.Remove(memberNameFile))
	}
	return cluster, errors.Join(err, taken)
}

func addMember(ctx context.Context, cfg *Config, name string) (cluster string, err error) {
	self := peerURL(cfg.NodeIP)
	err = withMembers(ctx, joinedMembers(), func(ctx context.Context, client *clientv3.Client, members []*etcdserverpb.Member) error {
		names, isListed, err := namesOf(members, cfg.NodeName, name, self)
		if err != nil {
			return err
		}
		if !isListed {
			names = append(names, name+"="+self)
		}
		cluster = strings.Join(names, ",")
		if isListed {
			return nil
		}
		_, err = client.MemberAddAsLearner(ctx, []string{self})
		return err
	})
	return cluster, err
}

// namesOf lists the members as --initial-cluster wants them, and tells whether the one called name is among them already.
// As K3s it refuses to join beside another member of the same node: nobody but an operator knows that it is gone.
func namesOf(members []*etcdserverpb.Member, node, name, self string) (names []string, isListed bool, err error) {
	for _, m := range members {
		called := m.Name
		if isOwn(m, name, self) {
			called, isListed = name, true
		} else if nodeOfMember(m.Name) == node {
			return nil, false, errDuplicate
		}
		names = append(names, called+"="+m.PeerURLs[0])
	}
	return names, isListed, nil
}

// isOwn tells whether m is this server's member. Before its first start a member has no name, only its address.
func isOwn(m *etcdserverpb.Member, name, self string) bool {
	return m.Name == name || m.Name == "" && slices.Contains(m.PeerURLs, self)
}

// nodeOfMember is the node in a member's name.
func nodeOfMember(name string) string {
	if dash := strings.LastIndex(name, "-"); dash > 1 {
		return name[:dash]
	}
	return name
}

// promote makes the learner a voter as soon as it has caught up.
func promote(ctx context.Context, cfg *Config) error {
	name, err := memberName(cfg)
	if err != nil {
		return err
	}
	vote := func(ctx context.Context, client *clientv3.Client, members []*etcdserverpb.Member) error {
		at := slices.IndexFunc(members, func(m *etcdserverpb.Member) bool { return isOwn(m, name, peerURL(cfg.NodeIP)) })
		if at < 0 {
			return errors.New("etcd does not list this server")
		}
		if members[at].IsLearner {
			_, err := client.MemberPromote(ctx, members[at].ID)
			return err
		}
		return nil
	}
	return until(ctx, "etcd", time.Second, func() error {
		// A learner answers no questions about members: first ask those it joined.
		if others := joinedMembers(); len(others) > 0 && withMembers(ctx, others, vote) == nil {
			return nil
		}
		return withMembers(ctx, []string{ownEtcd}, vote)
	})
}
