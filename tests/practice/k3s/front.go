package main

import (
	"crypto/tls"
	"crypto/x509"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"path/filepath"
	"strings"
)

// silent swallows what only says that the other side went away.
var silent = log.New(io.Discard, "", 0)

// The front door on port 6443, as in K3s: a few paths of the supervisor, everything else is the API server's.
// Callers with a client certificate are named to the API server through its front proxy headers.
func serveFront(cfg *Config, p *pki, supervisor http.Handler) error {
	serving, err := tls.LoadX509KeyPair(filepath.Join(tlsDir, "serving-kube-apiserver.crt"), filepath.Join(tlsDir, "serving-kube-apiserver.key"))
	if err != nil {
		return err
	}
	api, err := apiProxy(p)
	if err != nil {
		return err
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /ping", func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "pong") })
	mux.HandleFunc("GET /cacerts", func(w http.ResponseWriter, _ *http.Request) { w.Write(p.server.pem) })
	mux.Handle("/v1-k3s/", supervisor)
	mux.Handle("/", api)
	clients := x509.NewCertPool()
	clients.AddCert(p.client.cert)
	server := &http.Server{
		Handler:   mux,
		ErrorLog:  silent, // health checks of load balancers end here without a handshake
		TLSConfig: &tls.Config{Certificates: []tls.Certificate{serving}, ClientAuth: tls.VerifyClientCertIfGiven, ClientCAs: clients},
	}
	addresses := map[string]bool{"127.0.0.1": true, cfg.NodeIP: true, cfg.AdvertiseAddress: true}
	for address := range addresses {
		listener, err := net.Listen("tcp", net.JoinHostPort(address, "6443"))
		if err != nil {
			return err
		}
		go func() { log.Fatal(server.ServeTLS(listener, "", "")) }()
	}
	return nil
}

func apiProxy(p *pki) (http.Handler, error) {
	roots := x509.NewCertPool()
	roots.AddCert(p.server.cert)
	introduction, err := tls.LoadX509KeyPair(filepath.Join(tlsDir, "client-auth-proxy.crt"), filepath.Join(tlsDir, "client-auth-proxy.key"))
	if err != nil {
		return nil, err
	}
	// HTTP/1.1 behind the door: exec and port-forward switch protocols, which HTTP/2 cannot.
	behind := func(certs ...tls.Certificate) http.RoundTripper {
		return &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots, Certificates: certs}, MaxIdleConnsPerHost: 50}
	}
	named, plain := behind(introduction), behind()
	forward := func(via http.RoundTripper) *httputil.ReverseProxy {
		return &httputil.ReverseProxy{
			Transport:     via,
			FlushInterval: -1,
			ErrorLog:      silent,
			Rewrite: func(r *httputil.ProxyRequest) {
				r.SetURL(&url.URL{Scheme: "https", Host: apiAddress + ":6443"})
				r.SetXForwarded()
				introduce(r)
			},
			ErrorHandler: func(w http.ResponseWriter, _ *http.Request, _ error) {
				http.Error(w, "the API server does not answer", http.StatusServiceUnavailable)
			},
		}
	}
	withName, withoutName := forward(named), forward(plain)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if len(r.TLS.VerifiedChains) > 0 {
			withName.ServeHTTP(w, r)
			return
		}
		withoutName.ServeHTTP(w, r)
	}), nil
}

// introduce replaces whatever the caller claims about itself by what its certificate proves.
func introduce(r *httputil.ProxyRequest) {
	for name := range r.Out.Header {
		if strings.HasPrefix(name, "X-Remote-") {
			r.Out.Header.Del(name)
		}
	}
	if chains := r.In.TLS.VerifiedChains; len(chains) > 0 {
		subject := chains[0][0].Subject
		r.Out.Header.Set("X-Remote-User", subject.CommonName)
		for _, group := range subject.Organization {
			r.Out.Header.Add("X-Remote-Group", group)
		}
	}
}
