package main

import (
	"context"
	"errors"
	"fmt"
	"log"
	"slices"

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

// The label of a server's Node, and the annotations by which K3s finds its member.
const (
	etcdLabel        = "node-role.kubernetes.io/etcd"
	memberAnnotation = "etcd.k3s.cattle.io/node-name"
	addressOfMember  = "etcd.k3s.cattle.io/node-address"
)

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
		if node.Labels[etcdLabel] == "" {
			return
		}
		if err := removeMember(ctx, node); err != nil {
			log.Printf("remove %s from etcd: %v", node.Name, err)
		}
	}})
	nodes.Run(ctx.Done())
}

// removeMember removes the member that the Node names. Without its annotations the member stays, as in K3s.
func removeMember(ctx context.Context, node *corev1.Node) error {
	return withMembers(ctx, []string{ownEtcd}, func(ctx context.Context, client *clientv3.Client, members []*etcdserverpb.Member) error {
		m, err := memberOf(node, members)
		if m == nil {
			return err
		}
		log.Printf("removing %s from etcd, as its Node was deleted", m.Name)
		// Every server hears of the deletion; one of them is first.
		if _, err := client.MemberRemove(ctx, m.ID); err != nil && !errors.Is(err, rpctypes.ErrMemberNotFound) {
			return err
		}
		return nil
	})
}

// memberOf is the member of that name and that address; nil when etcd lists none.
func memberOf(node *corev1.Node, members []*etcdserverpb.Member) (*etcdserverpb.Member, error) {
	name, address := node.Annotations[memberAnnotation], node.Annotations[addressOfMember]
	if name == "" || address == "" {
		return nil, fmt.Errorf("node name annotation for node %s not found", node.Name)
	}
	for _, m := range members {
		if m.Name == name && slices.Contains(m.PeerURLs, peerURL(address)) {
			return m, nil
		}
	}
	return nil, nil
}
