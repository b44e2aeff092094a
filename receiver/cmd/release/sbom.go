package main

import (
	"debug/buildinfo"
	"io"
	"path"
	"time"

	cyclonedx "github.com/CycloneDX/cyclonedx-go"
)

// billOfMaterials says what is in the programs: the modules that Go has
// written into them, with their checksums. It is read from the programs, not
// from go.mod, which names more.
func (r *release) billOfMaterials() error {
	bom := cyclonedx.NewBOM()
	bom.Metadata = &cyclonedx.Metadata{
		Timestamp: r.at.Format(time.RFC3339),
		Component: &cyclonedx.Component{Type: cyclonedx.ComponentTypeApplication, Name: "teamsrelay", Version: r.version, BOMRef: "teamsrelay"},
	}
	var components []cyclonedx.Component
	listed := map[string]bool{}
	add := func(name, version, sum string) {
		url := "pkg:golang/" + name + "@" + version
		if listed[url] {
			return
		}
		listed[url] = true
		c := cyclonedx.Component{Type: cyclonedx.ComponentTypeLibrary, BOMRef: url, Name: name, Version: version, PackageURL: url}
		if sum != "" {
			c.Properties = &[]cyclonedx.Property{{Name: "go:sum", Value: sum}}
		}
		components = append(components, c)
	}
	for _, program := range programs {
		info, err := buildinfo.ReadFile(r.program(targets[0], path.Base(program)))
		if err != nil {
			return err
		}
		add("std", info.GoVersion, "")
		for _, module := range info.Deps {
			if module.Replace != nil {
				module = module.Replace
			}
			add(module.Path, module.Version, module.Sum)
		}
	}
	bom.Components = &components
	return create(r.name("sbom.cdx.json"), func(w io.Writer) error {
		return cyclonedx.NewBOMEncoder(w, cyclonedx.BOMFileFormatJSON).SetPretty(true).Encode(bom)
	})
}
