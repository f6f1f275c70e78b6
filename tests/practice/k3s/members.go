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
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/cache"
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
			urls = append(urls, m.ClientURLs...)
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

// addMember announces this server to etcd as a learner, in place of what it may have been before its disk was emptied.
// It returns what --initial-cluster must say.
func addMember(ctx context.Context, cfg *Config) (cluster string, err error) {
	self := peerURL(cfg.NodeIP)
	err = withMembers(ctx, joinedMembers(), func(ctx context.Context, client *clientv3.Client, members []*etcdserverpb.Member) error {
		names := []string{cfg.NodeName + "=" + self}
		for _, m := range members {
			if !slices.Contains(m.PeerURLs, self) {
				names = append(names, m.Name+"="+m.PeerURLs[0])
			} else if _, err := client.MemberRemove(ctx, m.ID); err != nil {
				return err
			}
		}
		cluster = strings.Join(names, ",")
		_, err := client.MemberAddAsLearner(ctx, []string{self})
		return err
	})
	return cluster, err
}

// promote makes the learner a voter as soon as it has caught up.
func promote(ctx context.Context, cfg *Config) error {
	vote := func(ctx context.Context, client *clientv3.Client, members []*etcdserverpb.Member) error {
		m := find(members, cfg.NodeIP)
		if m == nil {
			return errors.New("etcd does not list this server")
		}
		if m.IsLearner {
			_, err := client.MemberPromote(ctx, m.ID)
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

// forgetDeletedNodes does as K3s: whose Node is deleted is no member of etcd any more, and another may take its name.
func forgetDeletedNodes(ctx context.Context, client kubernetes.Interface) {
	nodes := informers.NewSharedInformerFactory(client, 0).Core().V1().Nodes().Informer()
	nodes.AddEventHandler(cache.ResourceEventHandlerFuncs{DeleteFunc: func(gone any) {
		node, whole := gone.(*corev1.Node)
		if !whole {
			return
		}
		err := client.CoreV1().Secrets("kube-system").Delete(ctx, passwordSecret(node.Name), metav1.DeleteOptions{})
		if err != nil && !apierrors.IsNotFound(err) {
			log.Printf("forget the password of %s: %v", node.Name, err)
		}
		if node.Labels["node-role.kubernetes.io/etcd"] == "" {
			return
		}
		if err := removeMember(ctx, node.Status.Addresses[0].Address); err != nil {
			log.Printf("remove %s from etcd: %v", node.Name, err)
		}
	}})
	nodes.Run(ctx.Done())
}

func removeMember(ctx context.Context, ip string) error {
	return withMembers(ctx, []string{ownEtcd}, func(ctx context.Context, client *clientv3.Client, members []*etcdserverpb.Member) error {
		m := find(members, ip)
		if m == nil {
			return nil
		}
		log.Printf("removing %s from etcd, as its Node was deleted", m.Name)
		// Every server hears of the deletion; one of them is first.
		if _, err := client.MemberRemove(ctx, m.ID); err != nil && !errors.Is(err, rpctypes.ErrMemberNotFound) {
			return err
		}
		return nil
	})
}

func find(members []*etcdserverpb.Member, ip string) *etcdserverpb.Member {
	for _, m := range members {
		if slices.Contains(m.PeerURLs, peerURL(ip)) {
			return m
		}
	}
	return nil
}
