/* Drawn Gaussians laid over the scene at their own depth, so that nearer meshes hide them.
 * clip: 1 when orthographic; near; far; metres by which the heads are moved towards the viewer. */
void main()
{
  vec4 color = texture(picture, at);
  if (color.a < 1.0 / 255.0) {
    discard;
  }
  float near = clip.y, far = clip.z;
  float depth = max(texture(depths, at).r / color.a - clip.w, near);
  float ndc = clip.x > 0.5 ? (2.0 * depth - near - far) / (far - near) :
                             (far + near - 2.0 * far * near / depth) / (far - near);
  gl_FragDepth = clamp(0.5 * ndc + 0.5, 0.0, 1.0);
  /* A viewport's overlay encodes what it is given as sRGB and is then blended as it is displayed: undone here for the
   * premultiplied colour, the blend is the one the Gaussians were learned with. */
  vec3 shown = max(color.rgb, 0.0);
  laid = vec4(mix(shown / 12.92, pow((shown + 0.055) / 1.055, vec3(2.4)), step(0.04045, shown)), color.a);
}
