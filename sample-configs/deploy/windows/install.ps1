# Installs teamsrelay as a Windows service, or a newer version of it. As an
# administrator, in the directory of the unpacked release:
#
#   powershell -ExecutionPolicy Bypass -File sample-configs\deploy\windows\install.ps1
#
# It copies the program to Program Files, makes C:\ProgramData\teamsrelay for the
# configuration and the state, lets only administrators and the service's own
# account in, and starts the service when the configuration has no mistakes.
#Requires -RunAsAdministrator
$ErrorActionPreference = 'Stop'

$source  = (Resolve-Path (Join-Path $PSScriptRoot '..\..\..')).Path
$program = Join-Path $env:ProgramFiles 'teamsrelay'
$data    = Join-Path $env:ProgramData 'teamsrelay'
$exe     = Join-Path $program 'teamsrelay.exe'
$config  = Join-Path $data 'teamsrelay.yml'

function Invoke-Checked {
    $command, $arguments = $args
    & $command @arguments
    if ($LASTEXITCODE -ne 0) { throw "$command $arguments ended with $LASTEXITCODE" }
}

$installed = $null -ne (Get-Service -Name teamsrelay -ErrorAction SilentlyContinue)
if ($installed) { Stop-Service -Name teamsrelay }

New-Item -ItemType Directory -Force -Path $program, $data | Out-Null
# Every user of the machine may make directories in ProgramData. One that somebody
# made before us is theirs, and would stay open to them.
Invoke-Checked icacls $data /setowner '*S-1-5-32-544' /T /Q
Invoke-Checked icacls $data /reset /T /Q
Copy-Item -Force (Join-Path $source 'teamsrelay.exe') $exe
Copy-Item -Force (Join-Path $source 'telegraf-output-teams.exe') $program
if (-not (Test-Path $config)) {
    Copy-Item (Join-Path $PSScriptRoot 'teamsrelay.yml') $config
}
if (-not $installed) { Invoke-Checked $exe service install "--config.file=$config" }

# Secrets are in there. The account exists since the service does; the SIDs are
# SYSTEM and the administrators in every language of Windows.
Invoke-Checked icacls $data /inheritance:r /grant '*S-1-5-18:(OI)(CI)F' '*S-1-5-32-544:(OI)(CI)F' 'NT SERVICE\teamsrelay:(OI)(CI)M'

& $exe check-config $config
if ($LASTEXITCODE -ne 0) {
    Write-Warning "The service is installed and not started. Mend $config, then: & '$exe' service start"
    exit 1
}
Invoke-Checked $exe service start
