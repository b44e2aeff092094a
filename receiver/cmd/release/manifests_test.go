package main

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	policyv1 "k8s.io/api/policy/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/serializer/json"
	utilyaml "k8s.io/apimachinery/pkg/util/yaml"
	"sigs.k8s.io/yaml"
)

const manifests = "../../../sample-configs/deploy/kubernetes"

// kustomization is what we write of one. Kustomize's own types would bring a
// hundred modules along.
type kustomization struct {
	APIVersion string   `json:"apiVersion"`
	Kind       string   `json:"kind"`
	Namespace  string   `json:"namespace"`
	Resources  []string `json:"resources"`
	Images     []struct {
		Name    string `json:"name"`
		NewName string `json:"newName"`
		NewTag  string `json:"newTag"`
	} `json:"images"`
}

// objects reads the manifests as the API server would with
// fieldValidation=Strict: a misspelt field is a mistake, not a wish.
func objects(t *testing.T) (all []runtime.Object, k kustomization) {
	t.Helper()
	scheme := runtime.NewScheme()
	for _, add := range []func(*runtime.Scheme) error{appsv1.AddToScheme, corev1.AddToScheme, networkingv1.AddToScheme, policyv1.AddToScheme} {
		require.NoError(t, add(scheme))
	}
	decoder := json.NewSerializerWithOptions(json.DefaultMetaFactory, scheme, scheme, json.SerializerOptions{Yaml: true, Strict: true})
	text, err := os.ReadFile(filepath.Join(manifests, "kustomization.yaml"))
	require.NoError(t, err)
	require.NoError(t, yaml.UnmarshalStrict(text, &k))
	for _, name := range k.Resources {
		text, err := os.ReadFile(filepath.Join(manifests, name))
		require.NoError(t, err)
		documents := utilyaml.NewYAMLReader(bufio.NewReader(bytes.NewReader(text)))
		for {
			document, err := documents.Read()
			if errors.Is(err, io.EOF) {
				break
			}
			require.NoError(t, err)
			object, _, err := decoder.Decode(document, nil, nil)
			require.NoError(t, err, name)
			all = append(all, object)
		}
	}
	return all, k
}

// only returns the objects of one kind.
func only[T runtime.Object](all []runtime.Object) (found []T) {
	for _, object := range all {
		if of, ok := object.(T); ok {
			found = append(found, of)
		}
	}
	return found
}

func TestEveryManifestIsInTheKustomizationOrSaysWhyNot(t *testing.T) {
	_, k := objects(t)
	entries, err := os.ReadDir(manifests)
	require.NoError(t, err)
	for _, e := range entries {
		// Its kind is the operator's, and not every cluster has it.
		if e.Name() == "kustomization.yaml" || e.Name() == "servicemonitor.yaml" {
			continue
		}
		require.Contains(t, k.Resources, e.Name())
	}
}

func TestThePodsMayDoNothingThatTheyNeedNot(t *testing.T) {
	all, _ := objects(t)
	deployment := only[*appsv1.Deployment](all)[0]
	require.EqualValues(t, 2, *deployment.Spec.Replicas)
	pod := deployment.Spec.Template.Spec
	require.False(t, *pod.AutomountServiceAccountToken)
	require.True(t, *pod.SecurityContext.RunAsNonRoot)
	require.EqualValues(t, nobody, *pod.SecurityContext.RunAsUser, "the user that the image makes /var/lib/teamsrelay for")
	require.Equal(t, corev1.SeccompProfileTypeRuntimeDefault, pod.SecurityContext.SeccompProfile.Type)
	c := pod.Containers[0]
	require.True(t, *c.SecurityContext.ReadOnlyRootFilesystem)
	require.False(t, *c.SecurityContext.AllowPrivilegeEscalation)
	require.Equal(t, []corev1.Capability{"ALL"}, c.SecurityContext.Capabilities.Drop)
	require.NotEmpty(t, c.Resources.Limits.Memory().String())
	require.Greater(t, *pod.TerminationGracePeriodSeconds, c.Lifecycle.PreStop.Sleep.Seconds+10, "ten seconds for requests, and more for attempts")
}

func TestServicesAndPoliciesMeanOurPods(t *testing.T) {
	all, k := objects(t)
	deployment := only[*appsv1.Deployment](all)[0]
	pods := labels.Set(deployment.Spec.Template.Labels)
	ports := map[string]int32{}
	for _, p := range deployment.Spec.Template.Spec.Containers[0].Ports {
		ports[p.Name] = p.ContainerPort
	}
	require.Equal(t, map[string]int32{"main": 9097, "public": 3978}, ports)
	require.Subset(t, deployment.Spec.Template.Labels, deployment.Spec.Selector.MatchLabels)
	require.Equal(t, k.Images[0].Name, deployment.Spec.Template.Spec.Containers[0].Image, "or the kustomization replaces nothing")

	services := map[string]*corev1.Service{}
	for _, s := range only[*corev1.Service](all) {
		services[s.Name] = s
		require.True(t, labels.SelectorFromSet(s.Spec.Selector).Matches(pods), s.Name)
		require.Equal(t, corev1.ServiceTypeClusterIP, s.Spec.Type, "nobody outside reaches it but through the ingress")
		for _, p := range s.Spec.Ports {
			require.Contains(t, ports, p.TargetPort.StrVal)
		}
	}
	require.True(t, labels.SelectorFromSet(only[*policyv1.PodDisruptionBudget](all)[0].Spec.Selector.MatchLabels).Matches(pods))
	require.True(t, labels.SelectorFromSet(only[*networkingv1.NetworkPolicy](all)[0].Spec.PodSelector.MatchLabels).Matches(pods))

	var open []string
	for _, rule := range only[*networkingv1.Ingress](all)[0].Spec.Rules {
		for _, path := range rule.HTTP.Paths {
			open = append(open, path.Path)
			require.Equal(t, networkingv1.PathTypeExact, *path.PathType)
			backend := services[path.Backend.Service.Name]
			require.True(t, slices.ContainsFunc(backend.Spec.Ports, func(p corev1.ServicePort) bool {
				return p.Name == path.Backend.Service.Port.Name && p.TargetPort.StrVal == "public"
			}), "the main listener is not for the internet")
		}
	}
	require.Equal(t, []string{"/api/messages"}, open)
	for _, object := range all {
		if named, ok := object.(interface{ GetNamespace() string }); ok && named.GetNamespace() != "" {
			require.Equal(t, k.Namespace, named.GetNamespace())
		}
	}
}
